"""An image file that is stored and can be proven."""

from collections.abc import Sequence

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


def other_sizes(asked: str, images: Sequence[Artifact]) -> str | None:
    """A remark about images that came in another size than the one asked for, `WxH`; None where there is nothing to say."""
    if parse_size(asked) is None:
        return None
    came = {f"{image.width}x{image.height}" for image in images if image.width is not None} - {asked}
    return f"asked for {asked}, came {', '.join(sorted(came))}" if came else None
