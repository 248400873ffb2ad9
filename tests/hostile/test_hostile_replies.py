"""Replies that are meant to harm or that nobody meant: waits, redirects, and bodies without an end."""

import gzip
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from scripted_server import Behaviour, ScriptedServer, Seen, endless, error, reply

from .conftest import Stage, measured, prompts

_MOST_MEGABYTES = 400
_TEN_GIGABYTES = 10 * 2**30
_SPEED = "rate_limit_exceeded"


def test_a_wait_of_minus_one_second_is_none(stage: Callable[..., Stage], tmp_path: Path) -> None:
    """`Retry-After: -1` counts as 0: a run that would halt at any longer wait goes on and makes the image."""
    server = stage(error(429, _SPEED, "too fast", headers={"Retry-After": "-1"}))
    program = server.client(tmp_path, BATCHGEN_RETRY__LONGEST_WAIT_S="0", BATCHGEN_RETRY__BACKOFF_BASE_S="0")
    program.write("signs.csv", prompts(1))
    program.run("run", "signs.csv")
    shown = program.json("show", "signs", "row-1")
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["rate_limited", "succeeded"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_of_three_days_halts_with_the_time_to_come_back(
    stage: Callable[..., Stage], tmp_path: Path, status: int
) -> None:
    """Three days are told, not waited for: exit 3, the day and time in the line, jobs pending, and no second request."""
    days = timedelta(days=3)
    server = stage(then=error(status, _SPEED, "come back", headers={"Retry-After": str(int(days.total_seconds()))}))
    program = server.client(tmp_path)
    program.write("signs.csv", prompts(20))
    before = datetime.now(UTC).replace(microsecond=0)
    said = program.run("-q", "run", "signs.csv", "--concurrency", "1", code=3).stderr
    found = re.search(r"wait until (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", said)
    assert found is not None, said
    assert before <= datetime.fromisoformat(found[1]).replace(tzinfo=UTC) - days <= datetime.now(UTC)
    assert len(said.strip().splitlines()) == 1
    status_ = program.json("status", "signs")
    assert (status_["jobs"]["pending"], status_["jobs"]["failed"], status_["cost_usd"]) == (20, 0, "0.000000")
    assert len(server.server.seen) == 1


@pytest.mark.parametrize("status", [302, 307])
def test_nothing_follows_a_redirect_to_another_host(stage: Callable[..., Stage], tmp_path: Path, status: int) -> None:
    """The server that a redirect names is not asked, neither with the key nor without; the run halts and says so."""
    other = stage()
    server = stage(then=reply(status, b"moved", {"Location": f"{other.url}/images/generations"}))
    program = server.client(tmp_path)
    program.write("signs.csv", prompts(3))
    done = program.run("run", "signs.csv", "--concurrency", "1", code=3)
    assert f"http_{status}" in done.stderr
    assert (len(server.server.seen), other.server.seen) == (1, [])


def _promises_ten_gigabytes(status: int = 200) -> Behaviour:
    """Says how much will come, and sends it as fast as it is read."""

    async def answer(_server: ScriptedServer, request: web.Request, _seen: Seen) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Length": str(_TEN_GIGABYTES)})
        await response.prepare(request)
        part = b'{"data": [{"b64_json": "' + b"A" * 1_000_000
        for _ in range(_TEN_GIGABYTES // len(part)):
            await response.write(part)
        return response

    return Behaviour(answer)


def _bomb() -> Behaviour:
    """A few megabytes that are gigabytes once they are unpacked."""
    packed = gzip.compress(bytes(2**25), compresslevel=9) * 80
    return reply(200, packed, {"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(_promises_ten_gigabytes, id="ten gigabytes"),
        pytest.param(lambda: _promises_ten_gigabytes(500), id="ten gigabytes of an error"),
        pytest.param(endless, id="chunks without an end"),
        pytest.param(_bomb, id="packed"),
    ],
)
def test_a_reply_without_measure_is_unknown_and_does_not_fill_the_memory(
    stage: Callable[..., Stage], tmp_path: Path, behaviour: Callable[[], Behaviour]
) -> None:
    """However a reply grows, it is given up within a bound; whether an image was made is unknown, and is counted so."""
    program = stage(then=behaviour()).client(tmp_path, BATCHGEN_RETRY__UNKNOWN="hold")
    program.write("signs.csv", prompts(1))
    done = measured(program, "run", "signs.csv")
    assert done.code == 1
    assert done.megabytes < _MOST_MEGABYTES
    shown = program.json("show", "signs", "row-1")
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["unknown"]
    assert "longer than" in shown["attempts"][0]["error"]
    assert program.json("status", "signs")["unknown_attempts"] == 1
