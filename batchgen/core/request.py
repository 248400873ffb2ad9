"""A request: what is wanted from a model. Immutable, with a fingerprint that says whether two wants are the same."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

Value = str | int | float | bool

_canonical = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Request:
    """One call to the API. `parameters` holds what goes into the body beside prompt and model."""

    operation: str
    model: str
    prompt: str
    parameters: Mapping[str, Value]

    @property
    def images(self) -> int:
        """How many images one answer should hold."""
        return int(self.parameters.get("n", 1))

    def asking_for(self, images: int) -> "Request":
        """The same request for another number of images."""
        return self if images == self.images else replace(self, parameters={**self.parameters, "n": images})

    @property
    def body(self) -> dict[str, Value]:
        """The JSON body, exactly what is sent."""
        return {"model": self.model, "prompt": self.prompt, **self.parameters}

    @property
    def fingerprint(self) -> str:
        """sha256 in hex over everything that decides what comes back."""
        return hashlib.sha256(_canonical.encode([self.operation, self.body])).hexdigest()
