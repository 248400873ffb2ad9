"""What settles an attempt whose answer has come: the record of it, and the places of its images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import msgspec

from batchgen.artifacts import files
from batchgen.artifacts.image import Picture
from batchgen.core.artifact import Artifact


class Record(msgspec.Struct, frozen=True):
    """What settles an attempt. `moved` are images (old path, new path) that make room for these.

    `likely_micros` is what the attempt should cost, for an answer without usage. `reused` are images that were made before.
    """

    job_id: int
    attempt: int
    wanted: int
    http_status: int | None
    request_id: str | None
    usage: dict[str, int | None]
    images: list[Artifact]
    moved: list[tuple[str, str]]
    likely_micros: int | None = None
    remark: str | None = None
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """Where an answer's images go, and which ordinals other images of the same job have already."""

    folder: str
    custom_id: str
    have: tuple[int, ...] = ()


def to_artifacts(room: Room, pictures: Sequence[Picture]) -> list[Artifact]:
    """Give inspected images their ordinals and their places."""
    return [
        Artifact(
            ordinal=ordinal,
            path=files.image_path(room.folder, room.custom_id, ordinal, picture.extension),
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            bytes=picture.bytes,
            sha256=picture.sha256,
        )
        for ordinal, picture in zip(_free(room.have), pictures, strict=False)
    ]


def _free(taken: Sequence[int]) -> Iterator[int]:
    return (ordinal for ordinal in count(1) if ordinal not in taken)
