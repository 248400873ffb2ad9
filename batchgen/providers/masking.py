"""Keys taken out of what a server says: it may repeat them as they stand, or in the letters of JSON or of an address."""

import re

_MASK = "(the key)"


class Mask:
    """Hides secrets; without any it changes nothing. Use it before anything is cut off: half a key is one too many."""

    def __init__(self, *secrets: str) -> None:
        # The longest first: one may be a part of another.
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        spelled = "|".join(map(_spelled, self._secrets))
        self._in_text = re.compile(spelled)
        self._in_data = re.compile(spelled.encode())

    def text(self, text: str) -> str:
        """The text without the secrets."""
        if self._secrets and ("\\" in text or "%" in text):
            return self._in_text.sub(_MASK, text)
        # Looking for them as they stand is a hundred times faster, and images are megabytes.
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text

    def data(self, data: bytes) -> bytes:
        """The bytes without the secrets."""
        if self._secrets and (b"\\" in data or b"%" in data):
            return self._in_data.sub(_MASK.encode(), data)
        for secret in self._secrets:
            data = data.replace(secret.encode(), _MASK.encode())
        return data


def _spelled(secret: str) -> str:
    """Each letter in any of its spellings."""
    return "".join(map(_letter, secret))


def _letter(letter: str) -> str:
    """As it stands, behind a backslash or by its number, where JSON within JSON doubles the backslash, or as in an address."""
    in_address = "".join(f"%{byte:02x}" for byte in letter.encode()) + (r"|\+" if letter == " " else "")
    return rf"(?:\\{{0,2}}(?:{re.escape(letter)}|(?i:u{ord(letter):04x}))|(?i:{in_address}))"
