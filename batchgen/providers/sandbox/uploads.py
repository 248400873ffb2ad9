"""What comes along with an edit: input images, a mask, a markup, as they were sent and not yet looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_IMAGES = 16
# Per file. The vendor's two documents give two bounds for a mask; this is the lower one.
MOST_IMAGE_BYTES, MOST_MASK_BYTES = 50 * 2**20, 4 * 2**20


@dataclass(frozen=True, slots=True)
class File:
    """One file. `param` is what errors call it; `size` counts all its bytes, of which only so many are kept as are allowed."""

    param: str
    media_type: str
    data: bytes
    size: int
    named: bool = True  # whether a file name came with it


@dataclass(frozen=True, slots=True)
class Address:
    """An http(s) URL in place of a file. Nothing is fetched."""

    param: str
    url: str


Upload = File | Address


@dataclass(frozen=True, slots=True)
class Uploads:
    """Everything that came along."""

    images: Sequence[Upload]
    mask: Upload | None = None
    markup: Upload | None = None
