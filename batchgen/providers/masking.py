"""The key taken out of what a server says: it may repeat what it was sent, as it stands or in the letters of JSON."""

import re

_MASK = "(the key)"


class Mask:
    """Hides one key; an empty one is in nothing. Use it before anything is cut off: half a key is one too many."""

    def __init__(self, key: str) -> None:
        self._key = key
        # Each letter as it stands, behind a backslash, or by its number; JSON within JSON doubles the backslash.
        spelled = "".join(rf"\\{{0,2}}(?:{re.escape(letter)}|(?i:u{ord(letter):04x}))" for letter in key)
        self._in_text = re.compile(spelled)
        self._in_data = re.compile(spelled.encode())

    def text(self, text: str) -> str:
        """The text without the key."""
        if not self._key:
            return text
        # Looking for the key as it stands is a hundred times faster, and images are megabytes.
        return self._in_text.sub(_MASK, text) if "\\" in text else text.replace(self._key, _MASK)

    def data(self, data: bytes) -> bytes:
        """The bytes without the key."""
        if not self._key:
            return data
        return self._in_data.sub(_MASK.encode(), data) if b"\\" in data else data.replace(self._key.encode(), _MASK.encode())
