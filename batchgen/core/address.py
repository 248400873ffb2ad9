"""How a URL is shown: without the secrets that can stand in it."""

import re

_SECRET_PART = re.compile(r"([?&][^=&]*(?:pass|secret)[^=&]*=)[^&]*", re.IGNORECASE)


def masked_url(url: str) -> str:
    """A URL without its password, wherever in it that stands."""
    scheme, separator, rest = _SECRET_PART.sub(r"\1***", url).partition("://")
    # Up to the last @, since a password may hold others that nobody encoded.
    credentials, at, host = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return f"{scheme}{separator}{user}{':***' if colon else ''}{at}{host}"
