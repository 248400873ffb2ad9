"""A file is written whole or not at all."""

import errno
import os
import stat

import pytest

from batchgen.errors import WrongUsage
from batchgen.exports.files import whole_file


@pytest.fixture(params=["new", "old"])
def target(request, tmp_path):
    """A file to write, not there yet or there already."""
    path = tmp_path / "export.csv"
    if request.param == "old":
        path.write_text("the old one")
    return path


def _state(folder) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_file_gets_its_name_when_it_is_complete(target):
    """Until the end the old file, or none, is there; afterwards the whole new one, and nothing else."""
    before = _state(target.parent)
    with whole_file(target) as stream:
        stream.write("Füchse\r\n\n")
        stream.flush()
        assert {name: text for name, text in _state(target.parent).items() if not name.startswith(".")} == before
    assert list(_state(target.parent)) == [target.name]
    assert target.read_bytes() == "Füchse\r\n\n".encode()


@pytest.mark.parametrize("error", [ValueError("midway"), KeyboardInterrupt()])
def test_a_write_that_ends_midway_leaves_what_was(target, error):
    """The old file is untouched, and no part of the new one lies about."""
    before = _state(target.parent)
    with pytest.raises(type(error)), whole_file(target) as stream:
        stream.write("half of")
        raise error
    assert _state(target.parent) == before


def test_a_full_disk_is_told(target):
    """A write that the system refuses is wrong usage with the path, and leaves what was."""
    before = _state(target.parent)
    with pytest.raises(WrongUsage, match=r"export\.csv cannot be written: No space left"), whole_file(target) as stream:
        stream.write("half of")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert _state(target.parent) == before


def test_paths_that_cannot_be_written_are_told(tmp_path):
    """No such folder, a file in place of a folder, a folder in place of the file, a name that is too long."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "no" / "a.csv", tmp_path / "file" / "a.csv", tmp_path / "folder", tmp_path / ("x" * 300)):
        with pytest.raises(WrongUsage, match="cannot be written"), whole_file(path) as stream:
            stream.write("text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_mode_of_an_ordinary_one(tmp_path, mask, mode):
    """The mask of the person decides who may read an export."""
    before = os.umask(mask)
    try:
        with whole_file(tmp_path / "a.csv") as stream:
            stream.write("text")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == mode
