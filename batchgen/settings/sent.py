"""What may be sent to a provider beside a request: the headers, the query, the paths and the fields that its table names.

Each function says why one cannot be, or an empty string. No value is repeated that may be a key.
"""

import re

from batchgen.core import fields as columns
from batchgen.core.dialect import MODELS, MODERATIONS, PATHS
from batchgen.core.parameters import PARAMETERS
from batchgen.core.request import TRANSPORT
from batchgen.core.tutorials import plain
from batchgen.settings.addresses import wrong_variable
from batchgen.settings.model import FROM_ENVIRONMENT

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_OURS = frozenset({"content-type", "content-length", "host", "transfer-encoding", "accept-encoding", "x-client-request-id"})
_FOR_A_KEY = re.compile(r"auth|key|token|secret|passw|cookie|signature|credential", re.IGNORECASE)
_LIKE_A_KEY = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9+/=_-]{20,}", re.ASCII)
# Columns that have a meaning here, whoever makes the images: unchecked values of them would be read by the program.
_TAKEN = ({"id", *columns.OURS} - {*PARAMETERS}) | {"n", *TRANSPORT}


def wrong_header(name: str) -> str:
    """Of the name of a header."""
    if not _HEADER.fullmatch(name):
        return 'must be the name of a header alone, like "X-Api-Key": letters, digits and hyphens, without a blank or a colon'
    return f"{name} is set by the program itself" if name.casefold() in _OURS else ""


def wrong_value(name: str, value: str) -> str:
    """Of what a header or a part of the query holds."""
    if value.startswith(FROM_ENVIRONMENT):
        wrong = wrong_variable(value.removeprefix(FROM_ENVIRONMENT), is_needed=True)
        return f'{wrong}; write "{FROM_ENVIRONMENT}NAME"' if wrong else ""
    if not (value.isascii() and value.isprintable() and value.strip()):
        return "must be a text of printable ASCII characters"
    if _FOR_A_KEY.search(name) or any(_LIKE_A_KEY.fullmatch(word) for word in value.split()):
        return f'may be a key, which has no place in settings: name its variable, as "{FROM_ENVIRONMENT}NAME"'
    return ""


def wrong_path(name: str, template: str) -> str:
    """Of the path below base_url that something is asked at."""
    if name not in PATHS:
        return f"is not a path that is asked for; there are {', '.join(PATHS)}"
    if not template.strip("/") or "://" in template or any(mark in template for mark in "?# "):
        return f'= {template!r}: must be a path below base_url, like "{PATHS[name]}"'
    takes_model = name not in (MODELS, MODERATIONS)
    if any(brace in template.replace("{model}", "" if takes_model else "{}") for brace in "{}"):
        if takes_model:
            return f"= {template!r}: {{model}} is all that can stand in braces; write the rest as it is sent"
        return f"= {template!r}: must not hold braces, since no model is asked for here; write the path as it is sent"
    return ""


def wrong_field(name: str) -> str:
    """Of a field of a request that is accepted as it is."""
    if not _FIELD.fullmatch(name):
        return "is no name of a field: letters, digits and _"
    if plain(name) in _TAKEN:
        return "has a meaning of its own here, whoever makes the images"
    return f"is written {plain(name)}" if plain(name) in PARAMETERS and name not in PARAMETERS else ""
