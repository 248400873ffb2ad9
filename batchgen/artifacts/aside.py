"""What lies beside the images for a person to look at: no ledger knows of it, and it is not below the storage root."""

from pathlib import Path

from batchgen.artifacts import files
from batchgen.artifacts.image import inspect

# Replies that could not be understood: the newest ones, so that they do not pile up.
UNREAD = "unread"
# Images that are not done, by batch.
PREVIEWS = "previews"
_OWNER_ONLY = 0o600
_MOST_UNREAD = 20


def keep_unread(home: Path, name: str, reply: bytes) -> Path:
    """Store a reply, in place of the oldest one if there are many. Raises OSError."""
    folder = home / UNREAD
    files.refuse_link(folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{name}.reply"
    files.write_whole(path, reply, mode=_OWNER_ONLY)
    for old in sorted((file for file in folder.iterdir() if file.is_file()), key=_age)[:-_MOST_UNREAD]:
        old.unlink(missing_ok=True)
    return path


def keep_preview(home: Path, folder: str, name: str, data: bytes) -> None:
    """Store a preview of an image. Raises OSError, NotAnImage."""
    extension = inspect(data).extension
    place = home / PREVIEWS / folder
    for one in (place.parent, place):
        files.refuse_link(one)
        one.mkdir(mode=0o700, exist_ok=True)
    path = place / f"{name}.{extension}"
    part = path.with_name(f"{path.name}.part")
    # Not waited for until it is durable: it is no loss when it is lost.
    part.write_bytes(data)
    part.replace(path)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        # Another worker has just thrown it away.
        return 0.0
