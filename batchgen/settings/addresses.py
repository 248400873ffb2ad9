"""What can be an address, and what the name of a variable. Neither repeats what may be a secret."""

import re
from urllib.parse import urlsplit

from batchgen.core.address import masked_url

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def wrong_variable(name: str, *, is_needed: bool = False) -> str:
    """Why this cannot be the variable that holds a key, or an empty string; an empty name is none that is needed."""
    if _NAME.fullmatch(name) or not (name or is_needed):
        return ""
    return "must name the variable that holds the key; what it holds is no name and is not shown"


def shown(url: str) -> str:
    """An address for a message, without what may be a secret in it."""
    return re.split(r"[?#]", masked_url(url))[0]


def wrong_address(url: str) -> str:
    """Why requests cannot be sent to this address, or an empty string."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        # The words of the error repeat a part of the address, which may be that of a password.
        return "is no address: its host or its port cannot be read"
    if parts.scheme not in ("http", "https"):
        return "must begin with https:// or http://"
    if not host:
        return "names no host"
    if "@" in parts.netloc:
        return "must not hold a password: name the variable that holds the key in api_key_env"
    # Nothing could be put behind it, and a key may stand in it.
    return "must end before any ? or #, which are not shown here" if "?" in url or "#" in url else ""
