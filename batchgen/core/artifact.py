"""An image file that is stored and can be proven."""

import msgspec


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
