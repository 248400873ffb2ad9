"""Chains as their users meet them: what is told of them, what is asked, and what is made again."""

import json
import os
import pty
import subprocess
import sys

import pytest

from .conftest import Program

HEAD = "custom_id,prompt,image,quality\n"
COMIC = "hero,A fox,,low\nscene,The fox at sea,@hero,low\nend,The same at night,@scene,low\n"
RUN = ("run", "comic.csv", "--provider", "sandbox")


def _attempts(program: Program, custom_id: str) -> int:
    return len(program.json("show", "sandbox-comic", custom_id)["attempts"])


def _shown(program: Program, custom_id: str) -> str:
    return program.run("show", "sandbox-comic", custom_id).stdout.partition("\n")[0]


@pytest.fixture
def made(program: Program) -> Program:
    """A comic that is made."""
    program.write("comic.csv", HEAD + COMIC)
    program.run(*RUN)
    return program


def test_what_was_made_from_a_changed_row_is_asked_for(made: Program) -> None:
    """Without a terminal it is an error that names the rows and the option; with that, all of it is made again."""
    made.write("comic.csv", HEAD + COMIC.replace("A fox", "A bear"))
    assert "3 rows (hero, scene, end); --update makes that again" in made.run(*RUN, code=2).stderr
    refused = made.run(*RUN, "--update", code=2).stderr
    assert "comic.csv: made from rows that have changed: 2 rows (scene, end); --yes makes that again, too" in refused
    assert [_attempts(made, name) for name in ("hero", "scene", "end")] == [1, 1, 1]
    made.run(*RUN, "--update", "--yes")
    assert [_attempts(made, name) for name in ("hero", "scene", "end")] == [2, 2, 2]
    assert len(list((made.folder / "images" / "sandbox-comic" / ".previous").iterdir())) == 3
    assert "nothing to do" in made.run(*RUN).stderr


@pytest.mark.parametrize(("answer", "code", "attempts"), [("y", 0, 2), ("n", 2, 1)])
def test_at_a_terminal_it_is_a_question(made: Program, answer: str, code: int, attempts: int) -> None:
    """Yes makes all of it again; no stores nothing."""
    made.write("comic.csv", HEAD + COMIC.replace("A fox", "A bear"))
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "batchgen", *RUN, "--update"],
        cwd=made.folder, env=made.environment, stdin=theirs, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert done.returncode == code, done.stderr
    assert "Make that again, too? [y/N]" in done.stderr
    assert done.stderr.count("made from rows that have changed: 2 rows (scene, end)\n") == 1
    assert done.stderr.endswith("batchgen: nothing was stored\n") is (answer == "n")
    assert done.stderr.count("nothing was stored") == (answer == "n")
    assert [_attempts(made, name) for name in ("hero", "scene", "end")] == [attempts] * 3


def test_a_failed_parent_and_its_children_are_told_and_resumed(program: Program) -> None:
    """The run, failures and export name the row; resuming it brings all of them back."""
    program.write("comic.csv", HEAD + COMIC)
    program.environment["BATCHGEN_SANDBOX__FAULTS"] = "moderation=1"
    told = program.run(*RUN, code=1).stderr
    assert "3 failed in this run" in told
    assert "1 refused by the API: resume asks again only with --rejected; 2 need the results of others" in told
    assert "tries again" not in told
    why = "2 not tried (parent_failed): hero failed\n    scene (needs hero), end (needs hero)\n"
    assert why in program.run("failures", "sandbox-comic").stdout
    lines = program.run("export", "sandbox-comic", "--format", "jsonl").stdout.splitlines()
    end = json.loads(lines[2])
    assert (end["state"], end["attempts"], end["outcome"], end["error_code"]) == ("failed", 0, None, "parent_failed")
    assert end["error"].startswith("hero failed: ")
    del program.environment["BATCHGEN_SANDBOX__FAULTS"]
    assert "3 jobs queued again" in program.run("resume", "sandbox-comic", "--rejected").stderr
    assert program.json("status", "sandbox-comic")["jobs"]["succeeded"] == 3


def test_children_are_told_with_the_parent_that_failed(program: Program) -> None:
    """Each with its own one, and none of many children hides another parent's."""
    children = "".join(f"umbrella-{n},An umbrella,@rain,low\n" for n in range(7))
    program.write(
        "comic.csv", f"{HEAD}rain,[moderation] Rain,,low\nbus,[moderation] A bus,,low\n{children}wake,Asleep,@bus,low\n"
    )
    program.run(*RUN, code=1)
    told = program.run("failures", "sandbox-comic").stdout.splitlines()
    at = told.index("8 not tried (parent_failed): 2 rows that they need failed or were cancelled")
    few = ", ".join(f"umbrella-{n} (needs rain)" for n in range(4))
    assert told[at + 1] == f"    wake (needs bus), {few}, ..."
    failure = program.json("failures", "sandbox-comic")["failures"][-1]
    assert (failure["examples"][0], failure["needs"][0]) == ("wake", "bus")


def test_cancelling_a_parent_is_told(program: Program) -> None:
    """Its children fail with its name, wait again when it is queued again, and are made."""
    program.write("comic.csv", HEAD + COMIC)
    program.run("submit", "comic.csv", "--provider", "sandbox")
    assert _shown(program, "scene") == "scene: pending, waits for hero"
    assert "1 job cancelled; 2 failed that need their results" in program.run("cancel", "sandbox-comic", "hero").stderr
    assert _shown(program, "end") == "end: failed (hero was cancelled)"
    told = program.run("failures", "sandbox-comic").stdout
    assert told.startswith("2 not tried (parent_failed): hero was cancelled\n    scene (needs hero), end (needs hero)\n")
    assert (
        "2 need the results of others and go along with those" in program.run("run", "--batch", "sandbox-comic", code=1).stderr
    )
    assert "3 jobs queued again" in program.run("resume", "sandbox-comic", "--cancelled").stderr
    assert program.json("status", "sandbox-comic")["jobs"]["succeeded"] == 3


def test_a_lost_image_is_found_or_made_again_before_its_children(program: Program) -> None:
    """verify --repair queues the parent; what was made from the old one stays, what failed for want of it is resumed."""
    program.write("comic.csv", HEAD + COMIC)
    program.run(*RUN, "--limit", "1")
    (program.folder / "images" / "sandbox-comic" / "hero.png").unlink()
    assert "2 failed in this run" in program.run("run", "--batch", "sandbox-comic", code=1).stderr
    assert "verify NAME --repair" in program.run("failures", "sandbox-comic").stdout
    program.run("verify", "sandbox-comic", "--repair", "--yes")
    assert _shown(program, "hero") == "hero: pending"
    assert "2 jobs queued again" in program.run("resume", "sandbox-comic", "--rejected").stderr
    assert program.json("status", "sandbox-comic")["jobs"]["succeeded"] == 3
