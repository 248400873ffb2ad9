"""The base64 of images, lifted out of a reply before the rest of it is decoded.

A decoder of JSON looks at every character of a text for its end and makes a copy of it: with large images that took as long as
to hash them. Base64 has no quotes, so that its end is found at once, and can be read where it stands.
"""

import secrets

_KEY = b'"b64_json"'
_ESCAPE = b"\\"
_DATA_URL = b"data:"
# Not of the alphabet of base64, and what no server can say, escaped or not.
_MARK = f"@{secrets.token_hex(16)}-"


def lifted(body: bytes) -> tuple[bytes, dict[str, memoryview]]:
    """The body with a mark in the place of each base64 text, and the texts by their marks.

    What is escaped, empty, wrapped or no text stays as it is, and so does a body that breaks off. No text holds `"b64_json"`
    itself: its quotes would be escaped.
    """
    whole = memoryview(body)
    pieces: list[memoryview | bytes] = []
    texts: dict[str, memoryview] = {}
    kept_to = end = 0
    while (key := body.find(_KEY, end)) >= 0:
        begin = body.find(b'"', key + len(_KEY)) + 1
        end = body.find(b'"', begin)
        if not begin or end < 0:
            break
        is_value = body[key + len(_KEY) : begin - 1].strip() == b":"
        if not is_value or not _is_plain(body, begin, end):
            # Where no text follows, the quote that was found may begin the next key.
            end = end if is_value else key + len(_KEY)
            continue
        mark = f"{_MARK}{len(texts)}"
        texts[mark] = whole[begin:end]
        pieces += [whole[kept_to:begin], mark.encode()]
        kept_to = end
    return b"".join([*pieces, whole[kept_to:]]), texts


def _is_plain(body: bytes, begin: int, end: int) -> bool:
    is_wrapped = body[begin : begin + len(_DATA_URL)].lower() == _DATA_URL
    return begin < end and not is_wrapped and body.find(_ESCAPE, begin, end) < 0
