"""The journal of records: what was written is found again, torn lines stop nobody, and settled files go."""

import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from desk_bench import BOUND_S, ENVIRONMENT, NEW, journals, only_dead_desk, record_of

from batchgen.artifacts.answers import Record
from batchgen.artifacts.journal import Journal
from batchgen.artifacts.office import Office

ONE = record_of(NEW[:1])
A_FILE = 500


def numbered(number, attempt=1):
    """The record of a job; so small that a thousand are written in no time."""
    return msgspec.structs.replace(ONE, job_id=number, attempt=attempt)


def numbers(records):
    return [record.job_id for record in records]


def lines(path):
    return [json.loads(line)["job_id"] for line in path.read_bytes().splitlines()]


def dead(root, write):
    """What a worker wrote that died then; returns the folder."""
    desk = Office(root).open_desk("worker-1")
    journal = Journal(root.parent / ".images.answers" / "worker-1")
    write(journal)
    journal.close()
    desk.close(unsettled=True)
    return root.parent / ".images.answers" / "worker-1"


@pytest.fixture
def folder(tmp_path):
    """Where a journal is written."""
    (tmp_path / "desk").mkdir()
    return tmp_path / "desk"


def handles():
    """How many this process has open, where the system tells."""
    listed = Path("/proc/self/fd")
    return len(list(listed.iterdir())) if listed.is_dir() else 0


def files_of(folder):
    return sorted(folder.glob("*.answers"))


def journals_in_order(folder):
    return sorted(files_of(folder), key=lambda path: lines(path)[0])


@pytest.mark.parametrize("left", [1, 2, 40, 200, -2, -1])
def test_a_torn_last_line_stops_nobody(root, left):
    """Of a line that was being written nothing is believed; those before it are found, and it keeps no folder."""

    def write(journal):
        for number in (1, 2, 3):
            journal.append([numbered(number)])

    dead(root, write)
    (path,) = journals(root)
    whole = path.read_bytes()
    begins = whole[:-1].rindex(b"\n") + 1
    path.write_bytes(whole[: begins + left] if left > 0 else whole[:left])
    desk = only_dead_desk(root)
    # Only its newline is missing: then it is whole.
    assert numbers(desk.records()) == ([1, 2, 3] if left == -1 else [1, 2])
    for record in desk.records():
        desk.settle(record)
    assert desk.records() == []
    desk.close()
    assert Office(root).dead_desks() == []
    assert not path.parent.exists()


def test_what_another_version_wrote_stays(root):
    """A whole line that we cannot read was paid for: the rest is settled, and neither it nor its images are thrown away."""

    def write(journal):
        for number in (1, 2):
            journal.append([numbered(number)])

    folder = dead(root, write)
    (path,) = journals(root)
    with path.open("ab") as file:
        file.write(b'{"job": 3, "pictures": ["3-1-1.part"]}\n')
    (folder / "3-1-1.part").write_bytes(NEW[0])
    for found in ([1, 2], [1, 2]):
        desk = only_dead_desk(root)
        assert numbers(desk.records()) == found
        for record in desk.records():
            desk.discard(record)
        assert desk.records() == []
        desk.close()
    assert (folder / "3-1-1.part").read_bytes() == NEW[0]


SPOILED = """
import json, os, pathlib, resource, sys, msgspec
from batchgen.artifacts.answers import Record
from batchgen.artifacts.journal import Journal
folder, record = pathlib.Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Record)
synced, real = [], os.fsync
def fsync(handle):
    real(handle)
    synced.append(os.fstat(handle).st_ino)
os.fsync = fsync
journal = Journal(folder)
limit = int(len(msgspec.json.encode(record)) * 3.5)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
written, failed = [], 0
for number in range(1, 5):
    try:
        journal.append([msgspec.structs.replace(record, job_id=number)])
        written.append(number)
    except OSError:
        failed = number
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
(first,) = folder.glob("*.answers")
spoiled = first.stat().st_ino
before = synced.count(spoiled)
journal.sync()
safe = synced.count(spoiled) > before
for number in (5, 6):
    journal.append([msgspec.structs.replace(record, job_id=number)])
    written.append(number)
print(json.dumps([written, failed, safe, [found.job_id for found in journal.records()]]), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits are of POSIX")
def test_a_torn_line_in_the_middle_spoils_no_later_record(folder):
    """A real limit of the system is met in a line: what came before can still be made durable, what comes after is found."""
    command = [sys.executable, "-c", SPOILED, str(folder), msgspec.json.encode(ONE).decode()]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=BOUND_S, check=True)
    assert json.loads(done.stdout) == [[1, 2, 3, 5, 6], 4, True, [1, 2, 3, 5, 6]]
    assert len(files_of(folder)) == 2
    assert numbers(Journal(folder).records()) == [1, 2, 3, 5, 6]


def test_a_journal_that_cannot_go_on_touches_no_file_of_others(folder):
    """The next file cannot be made: the number of the old one may soon be that of something else, which is left alone."""
    journal = Journal(folder)
    for number in range(A_FILE):
        journal.append([numbered(number)])
    folder.rename(folder.with_name("away"))
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            journal.append([numbered(A_FILE)])
        with folder.with_name("others").open("wb") as other:
            with pytest.raises(FileNotFoundError):
                journal.append([numbered(A_FILE)])
            other.write(b"untouched")
    folder.with_name("away").rename(folder)
    journal.append([numbered(A_FILE)])
    journal.sync()
    journal.close()
    assert numbers(Journal(folder).records()) == list(range(A_FILE + 1))
    assert len(files_of(folder)) == 2


@pytest.mark.parametrize("seed", range(4))
def test_files_without_anything_open_go(root, seed):
    """1,300 records settled in odd orders: a file goes with its last one, and what stays open is found again."""
    chance = random.Random(seed)
    # By the file they are in: of the first two remain, of the second none, of the third one.
    stay = {7, 499, 1_234}
    away = [number for number in range(1_300) if number not in stay]
    chance.shuffle(away)
    desk = Office(root).open_desk("worker-1")
    folder = root.parent / ".images.answers" / "worker-1"
    journal, settled = Journal(folder), []
    for number in range(1_300):
        journal.append([numbered(number)])
        # Some are settled while others are still to come.
        if number > 900 and chance.random() < 0.5:
            settled.append(next(one for one in away if one <= number and one not in settled))
            journal.settle(numbered(settled[-1]))
    assert len(files_of(folder)) == 3
    for number in away:
        if number not in settled:
            journal.settle(numbered(number))
    assert numbers(journal.records()) == sorted(stay)
    first, third = files_of(folder)
    assert (lines(first), lines(third)) == (list(range(500)), list(range(1_000, 1_300)))
    assert not journal.close()
    desk.close(unsettled=True)

    again = only_dead_desk(root)
    found = again.records()
    assert {7, 499, 1_234} <= set(numbers(found)) <= {*range(500), *range(1_000, 1_300)}
    for record in chance.sample(found, len(found)):
        if record.job_id != 499:
            again.settle(record)
    assert files_of(folder) == [first, third]
    assert numbers(again.records()) == [499]
    again.settle(numbered(499))
    assert again.records() == []
    assert files_of(folder) == [third]
    again.close()
    assert not folder.exists()


def test_to_settle_takes_no_time_and_the_file_goes_with_the_next_record(folder):
    """What is settled is struck out when the next is written: until then the disk is as it was, and nothing is told twice."""
    journal = Journal(folder)
    journal.append([numbered(number) for number in range(A_FILE)])
    journal.append([numbered(A_FILE)])
    first, second = journals_in_order(folder)
    before = {path: path.stat().st_mtime_ns for path in (folder, first, second)}
    for number in range(A_FILE):
        journal.settle(numbered(number))
    assert {path: path.stat().st_mtime_ns for path in (folder, first, second)} == before
    journal.append([numbered(A_FILE + 1)])
    assert files_of(folder) == [second]
    assert numbers(journal.records()) == [A_FILE, A_FILE + 1]
    for number in (A_FILE, A_FILE + 1):
        journal.settle(numbered(number))
    assert journal.records() == []
    assert journal.close()


def test_what_is_settled_last_is_known_when_the_journal_is_closed(folder):
    """With nothing written after it: the old file goes, and of two that remained open one is still told of."""
    journal = Journal(folder)
    for begin in (0, A_FILE):
        journal.append([numbered(number) for number in range(begin, begin + A_FILE)])
    _, second = journals_in_order(folder)
    for number in range(2 * A_FILE - 1):
        journal.settle(numbered(number))
    assert not journal.close()
    assert files_of(folder) == [second]
    assert numbers(journal.records()) == [2 * A_FILE - 1]


def test_an_old_file_that_cannot_be_deleted_stops_nobody(folder):
    """Records go on being written, the file is known to be settled, and it goes when that is possible again."""
    journal = Journal(folder)
    journal.append([numbered(number) for number in range(A_FILE)])
    journal.append([numbered(A_FILE)])
    first, second = journals_in_order(folder)
    aside = first.rename(first.with_suffix(".aside"))
    first.mkdir()
    for number in range(A_FILE):
        journal.settle(numbered(number))
    journal.append([numbered(A_FILE + 1)])
    assert lines(second) == [A_FILE, A_FILE + 1]
    first.rmdir()
    aside.rename(first)
    journal.settle(numbered(A_FILE))
    journal.append([numbered(A_FILE + 2)])
    assert files_of(folder) == [second]
    assert numbers(journal.records()) == [A_FILE + 1, A_FILE + 2]
    assert not journal.close()


def test_of_records_that_did_not_all_fit_none_counts(folder):
    """A real limit of the system is met in the third of three: none of them is believed, and writing goes on in a new file."""
    resource = pytest.importorskip("resource", reason="limits are of POSIX")
    journal = Journal(folder)
    journal.append([numbered(1)])
    a_line = files_of(folder)[0].stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * a_line + a_line // 2, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            journal.append([numbered(number) for number in (2, 3, 4)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    journal.append([numbered(number) for number in (5, 6)])
    assert len(files_of(folder)) == 2
    assert numbers(journal.records()) == [1, 5, 6]
    for number in (1, 5, 6):
        journal.settle(numbered(number))
    assert journal.close()
    # Whoever comes after a death finds those of them that are whole, and no image of theirs.
    assert {5, 6} <= set(numbers(Journal(folder).records())) <= {1, 2, 3, 5, 6}


def test_a_settled_journal_is_one_short_file(folder):
    """One answer after the other, 1,300 of them: never more than two files, and none is left open."""
    journal = Journal(folder)
    open_before = handles()
    most = 0
    for number in range(1_300):
        journal.append([numbered(number)])
        journal.settle(numbered(number))
        most = max(most, len(files_of(folder)))
    assert most <= 2
    assert len(files_of(folder)) == 1
    assert journal.close()
    assert handles() == open_before


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_every_file_is_its_owners_alone(folder):
    """However lax the mask."""
    mask = os.umask(0)
    try:
        journal = Journal(folder)
        for number in range(A_FILE + 1):
            journal.append([numbered(number)])
        journal.close()
    finally:
        os.umask(mask)
    assert [path.stat().st_mode & 0o777 for path in files_of(folder)] == [0o600, 0o600]


def test_many_threads_lose_nothing(folder):
    """Twelve at once, two records at a time, over several files, each settling every second one and syncing now and then."""
    journal, start, failures = Journal(folder), threading.Barrier(12), []

    def write(thread):
        try:
            start.wait(BOUND_S)
            for number in range(0, 200, 2):
                odd = numbered(number + 1, attempt=thread)
                journal.append([numbered(number, attempt=thread), odd])
                if number % 50 == 0:
                    journal.sync()
                journal.settle(odd)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert failures == []
    assert not journal.close()
    kept = {(number, thread) for number in range(0, 200, 2) for thread in range(1, 13)}
    assert {(record.job_id, record.attempt) for record in journal.records()} == kept
    assert {(record.job_id, record.attempt) for record in Journal(folder).records()} >= kept
    written = [json.loads(line) for path in files_of(folder) for line in path.read_bytes().splitlines()]
    assert len(written) == 12 * 200
    assert all(msgspec.convert(line, Record) for line in written)
