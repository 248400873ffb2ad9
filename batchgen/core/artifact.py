"""An image file that is stored and can be proven."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from batchgen.core.output_tokens import parse_size


class Artifact(msgspec.Struct, frozen=True):
    """`ordinal` counts from 1 within the job; `path` is below the storage root, with forward slashes.

    Width and height are pixels, None for a format without them.
    """

    ordinal: int
    path: str
    media_type: str
    width: int | None
    height: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Images that were made before for the same request, by this attempt of this job; `images` are where they lie now.

    They may lie with a job that had them from there itself.
    """

    job_id: int
    attempt: int
    images: tuple[Artifact, ...]


def other_sizes(asked: str, images: Sequence[Artifact]) -> str | None:
    """A remark about images that came in another size than the one asked for, `WxH`; None where there is nothing to say."""
    if parse_size(asked) is None:
        return None
    came = {f"{image.width}x{image.height}" for image in images if image.width is not None} - {asked}
    return f"asked for {asked}, came {', '.join(sorted(came))}" if came else None
