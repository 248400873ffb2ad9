"""What is asked for in the trial of the bill: every prompt once, each in a kind of its own."""

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tariff
from PIL import Image

# Larger ones prove nothing more, and drawing them is most of the time; and how often each is asked for.
_SIZES = {"1024x1024": 8, "1024x1536": 1, "1536x1024": 1}
_KINDS = [(model, quality) for model, quality, size, _ in tariff.figures() if size == "1024x1024"]
# How many images, input images and previews (None: not streamed), and how often that is asked for.
_FORMS: Mapping[tuple[int, int, int | None], int] = {
    (1, 0, None): 9,
    (2, 0, None): 3,
    (1, 1, None): 3,
    (2, 2, None): 1,
    (1, 0, 0): 3,
    (2, 0, 1): 1,
}
_COLUMNS = ("custom_id", "prompt", "model", "quality", "size", "n", "image", "stream", "partial_images")
_PICTURE = "picture.png"


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `previews` is None where nothing is streamed."""

    prompt: str
    model: str
    quality: str
    size: str
    n: int
    inputs: int
    previews: int | None

    @property
    def cells(self) -> tuple[object, ...]:
        """Behind its custom_id."""
        pictures = ";".join([_PICTURE] * self.inputs)
        streamed = ("", "") if self.previews is None else ("true", self.previews or "")
        return (self.prompt, self.model, self.quality, self.size, self.n, pictures, *streamed)

    def tokens(self, images: int) -> tuple[int, int]:
        """Of the input images and of the output, for so many images, by the reference."""
        each = _TOKENS[self.model, self.quality, self.size] + tariff.PREVIEW * (self.previews or 0)
        return tariff.INPUT_IMAGE[self.model] * self.inputs * images, each * images


_TOKENS = {(model, quality, size): tokens for model, quality, size, tokens in tariff.figures()}


def row_of(prompt: str) -> Row:
    """The kind is chosen by the prompt, so that a line of the server's log leads back to it."""
    chance = random.Random(prompt)
    (n, inputs, previews), size = (chance.choices(list(one), list(one.values()))[0] for one in (_FORMS, _SIZES))
    return Row(prompt, *chance.choice(_KINDS), size, n, inputs, previews)


def write(prompts: Sequence[str], folder: Path) -> None:
    """The manifest `m.csv`, and the picture that goes with edits."""
    Image.new("RGB", (1024, 1024), "teal").save(folder / _PICTURE)
    with (folder / "m.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(_COLUMNS)
        out.writerows((f"row-{number}", *row_of(prompt).cells) for number, prompt in enumerate(prompts))


def prompts_of(path: Path) -> list[str]:
    """The first column of a TSV with a head, to the letter."""
    lines = path.read_text(encoding="utf-8").split("\n")[1:]
    return [line.split("\t")[0] for line in lines if line]
