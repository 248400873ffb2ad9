"""An accepted request: what is to be drawn, sent and billed, with every `auto` resolved."""

from dataclasses import dataclass

from batchgen.core.output_tokens import parse_size
from batchgen.providers.sandbox.picture import Inputs


@dataclass(frozen=True, slots=True)
class Edit:
    """The input side of an edit: the pictures, and their sizes as they were sent, in pixels."""

    inputs: Inputs
    sizes: tuple[tuple[int, int], ...]
    fidelity: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Nothing in it is `auto`. `edit` is None for a generation; `partials` are previews an image, with `streamed` only.

    `svg_author` is the model that writes an SVG, empty where it was left open. `linked` tells that images are named by link,
    `tokens_like` is the model whose figures hold.
    """

    model: str
    prompt: str
    size: str
    quality: str
    n: int
    background: str
    output_format: str
    compression: int
    frames: int
    frame_ms: int
    safety_identifier: str | None
    streamed: bool
    partials: int
    svg_author: str = ""
    tokens_like: str = ""
    edit: Edit | None = None
    linked: bool = False

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height."""
        edges = parse_size(self.size)
        if edges is None:
            raise ValueError(f"an accepted size is WIDTHxHEIGHT, not {self.size!r}")
        return edges

    @property
    def input_images(self) -> int:
        """How many images came along."""
        return len(self.edit.sizes) if self.edit else 0
