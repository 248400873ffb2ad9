"""How a provider differs from the vendor's API. What nobody says of one is as the vendor has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from batchgen.core.catalog import VENDORS, Catalog

# Names of providers that need no description.
OPENAI, SANDBOX = "openai", "sandbox"

# What a path can be said for, and where it is below the base URL.
GENERATIONS, EDITS, VARIATIONS, MODELS, MODERATIONS = "generations", "edits", "variations", "models", "moderations"
PATHS: Mapping[str, str] = {
    GENERATIONS: "images/generations",
    EDITS: "images/edits",
    VARIATIONS: "images/variations",
    MODELS: "models",
    MODERATIONS: "moderations",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What may be asked of a provider.

    `accepts` are fields that go into the body as they are given, whatever the vendor says of them; `official` is the vendor
    itself, where its dates of shutdown hold; `json_edits` has no form for files, so that they are sent within JSON. `catalog`
    are its models, with what they take and cost there.
    """

    accepts: tuple[str, ...] = ()
    variations: bool = False
    official: bool = False
    json_edits: bool = False
    catalog: Catalog = VENDORS


@dataclass(frozen=True, slots=True)
class Wire:
    """How a request is sent. `paths` may hold `{model}`; `reply` is asked for as `response_format`, where it is not empty.

    Without a `key_header` the key goes as a bearer's Authorization. `secrets` are the values of headers and query that no
    server shall get into anything by repeating them.
    """

    key_header: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    paths: Mapping[str, str] = field(default_factory=dict)
    reply: str = ""
    idempotency_header: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)


VENDORS_DIALECT = Dialect()
VENDORS_WIRE = Wire()
