"""A request: what is wanted from a model. Immutable, with a fingerprint that says whether two wants are the same."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from batchgen.core.nesting import folded

Value = str | int | float | bool

OPERATIONS = GENERATE, EDIT, VARIATION = "generate", "edit", "variation"
IMAGE, MASK, MARKUP = "image", "mask", "markup"
# How the image comes to us; it is the same image however it comes, and what was made one way is not made again for another.
TRANSPORT = ("stream", "partial_images")
# How a source begins that is no path.
WEB_LINKS = ("http://", "https://")
LINKS = (*WEB_LINKS, "data:")
# And how one that is the result of another row; no path on a shelf begins so.
RESULT = "@"

_canonical = msgspec.json.Encoder(order="sorted")


class Sourced:
    """What has a `source`: a path, a link (one of LINKS) that is sent as it stands, or the result of another row (`@hero`)."""

    __slots__ = ()
    source: str

    @property
    def is_file(self) -> bool:
        """Whether `source` is a path."""
        return not self.source.startswith((*LINKS, RESULT))

    @property
    def is_link(self) -> bool:
        """Whether `source` is sent as it stands."""
        return self.source.startswith(LINKS)

    @property
    def is_result(self) -> bool:
        """Whether `source` names another row."""
        return self.source.startswith(RESULT)


class Input(Sourced, msgspec.Struct, frozen=True, omit_defaults=True):
    """An input image.

    `sha256` is that of the bytes, of a link to somewhere that of its text: what lies there is not known. Of a result it stands
    for the request that it comes from (`core/chains.py`), until the result is there: then all is as of a file, which lies at
    `path` below the storage root. Edges are pixels.
    """

    role: str
    source: str
    sha256: str
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One call to the API. `parameters` are what goes into the body beside prompt and model, by the names of our fields."""

    operation: str
    model: str
    prompt: str
    parameters: Mapping[str, Value]
    inputs: tuple[Input, ...] = ()

    @property
    def images(self) -> int:
        """How many images one answer should hold."""
        return int(self.parameters.get("n", 1))

    @property
    def is_streamed(self) -> bool:
        """Whether the answer may come as a stream of events."""
        return self.parameters.get("stream") is True

    @property
    def previews(self) -> int:
        """How many previews of each image may come before it."""
        return int(self.parameters.get("partial_images", 0))

    @property
    def is_whole(self) -> bool:
        """Whether all that decides the image is known here; what lies behind a link is not."""
        return not any(one.source.startswith(WEB_LINKS) for one in self.inputs)

    def asking_for(self, images: int) -> "Request":
        """The same request for another number of images."""
        return self if images == self.images else replace(self, parameters={**self.parameters, "n": images})

    @property
    def body(self) -> dict[str, Any]:
        """Everything that is sent but the inputs. Only a variation has no prompt."""
        return folded({"model": self.model, **({"prompt": self.prompt} if self.prompt else {}), **self.parameters})

    @property
    def fingerprint(self) -> str:
        """sha256 in hex over everything that decides which image comes back; where an input lies does not."""
        body = {name: value for name, value in self.body.items() if name not in TRANSPORT}
        decisive: list[Any] = [self.operation, body]
        if self.inputs:
            decisive.append([[one.role, one.sha256] for one in self.inputs])
        return hashlib.sha256(_canonical.encode(decisive)).hexdigest()

    def stored(self) -> dict[str, Any]:
        """What the ledger keeps of it beside operation and model; `restored` takes it back."""
        kept: dict[str, Any] = {"prompt": self.prompt, **self.parameters}
        if self.inputs:
            kept["inputs"] = [msgspec.to_builtins(one) for one in self.inputs]
        return kept


def restored(operation: str, model: str, stored: Mapping[str, Any]) -> Request:
    """The request of which the ledger keeps this."""
    parameters = dict(stored)
    prompt = parameters.pop("prompt")
    inputs = tuple(msgspec.convert(one, Input) for one in parameters.pop("inputs", ()))
    return Request(operation, model, prompt, parameters, inputs)
