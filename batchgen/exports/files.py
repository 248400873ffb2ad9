"""A file is written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from batchgen.errors import WrongUsage


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """A text file that takes its name only when it is complete. Raises WrongUsage where it cannot be written."""
    try:
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise WrongUsage(f"{path} cannot be written: {error.strerror}") from None
    try:
        with open(handle, "w", encoding="utf-8", newline="") as stream:  # noqa: PTH123  (a handle, not a path)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(part).chmod(0o666 & ~_umask())
        Path(part).replace(path)
    except BaseException as error:
        Path(part).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise WrongUsage(f"{path} cannot be written: {error.strerror}") from None
        raise


def _umask() -> int:
    """The mode that an ordinary file would get; mkstemp makes it its owner's alone."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
