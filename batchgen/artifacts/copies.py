"""Resized copies, for sizes that are smaller than any that a model makes.

A copy lies beside its image as `row-7~256x256.png`, whole or not at all, and bears its image's time of change: by that it is
known what it was made from. The image itself stays untouched: a rewrite breaks the
vendor's signature in it, and so the copy carries none. Copies are no artifacts: they can be made again at any time for nothing.
"""

import io
import os
import stat
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, ImageSequence

from batchgen.artifacts import files
from batchgen.artifacts.files import copy_path
from batchgen.artifacts.image import FORMATS

_SAVED: dict[str, dict[str, Any]] = {"JPEG": {"quality": 92}, "WEBP": {"quality": 92}}


class NotCopied(Exception):
    """A copy could not be made; the text says why."""


def is_missing(root: Path, path: str, size: str) -> bool:
    """Whether the copy of an image has to be made: it is not there, or made from another one. No image needs no copy."""
    try:
        image = (root / path).lstat()
        if not stat.S_ISREG(image.st_mode):
            return False
    except OSError:
        return False
    try:
        # An image that is used again is as old as it was made: what is newer may be the copy of the one that made room for it.
        return (root / copy_path(path, size)).lstat().st_mtime_ns != image.st_mtime_ns
    except OSError:
        return True


def make(root: Path, path: str, size: str, part: Path) -> None:
    """Make the copy of an image; `part` is where it may be written, on the disk of the root. Raises NotCopied."""
    target = root / copy_path(path, size)
    width, height = map(int, size.split("x"))
    try:
        files.refuse_link(target.parent)
        made_at = (root / path).stat().st_mtime_ns
        (failure,) = files.write_durably([(part, _resized((root / path).read_bytes(), (width, height)))])
        if failure is not None:
            raise failure
        os.utime(part, ns=(made_at, made_at))
        part.replace(target)
    except Exception as error:
        # A decoder may raise anything: whatever it is, the image is stored and its job is done.
        part.unlink(missing_ok=True)
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        raise NotCopied(f"no copy in {size} could be made of {path}: {words}") from error


def _resized(data: bytes, edges: tuple[int, int]) -> bytes:
    """The image in exactly that size and its own format: filled, what is too long cut off on both sides alike."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.format == "GIF" and getattr(image, "n_frames", 1) > 1:
            _save_moving(image, edges, buffer)
        else:
            fitted = _fitted(ImageOps.exif_transpose(image), edges)
            icc_profile = image.info.get("icc_profile")
            fitted.save(buffer, image.format, icc_profile=icc_profile, **_SAVED.get(str(image.format), {}))
    return buffer.getvalue()


def _save_moving(image: Image.Image, edges: tuple[int, int], buffer: io.BytesIO) -> None:
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        frames.append(_fitted(frame, edges))
        durations.append(frame.info.get("duration", 0))
    # Without the word it is played once.
    loop = {"loop": image.info["loop"]} if "loop" in image.info else {}
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, disposal=2, **loop)


def _fitted(image: Image.Image, edges: tuple[int, int]) -> Image.Image:
    return ImageOps.fit(_smooth(image), edges, Image.Resampling.LANCZOS)


def _smooth(image: Image.Image) -> Image.Image:
    """In a mode whose colours can be mixed: those of a palette cannot."""
    if image.has_transparency_data and image.mode not in ("RGBA", "LA"):
        return image.convert("RGBA")
    return image.convert({"1": "L", "P": "RGB"}[image.mode]) if image.mode in ("1", "P") else image
