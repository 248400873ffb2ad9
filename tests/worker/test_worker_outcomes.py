"""Every row of the design's table of outcomes: a real ledger, a real server, and what each fault becomes."""

from dataclasses import dataclass, field, replace

import pytest
from scripted_server import (
    USAGE_MICROS,
    Behaviour,
    bad_base64,
    cut_json,
    drip,
    empty_list,
    endless,
    error,
    half,
    hang,
    html,
    images,
    not_an_image,
    reply,
    reset_after,
    reset_unread,
)
from worker_bench import POLICY

from batchgen.core.job import State


@dataclass(frozen=True)
class Row:
    """What is served, and what must stand in the ledger afterwards. `costs` are USD micros, None for not known."""

    script: list[Behaviour]
    outcomes: list[str]
    state: str
    failures: int
    costs: list[int | None]
    halted: str | None = None
    unknowns: int = 0
    plan: dict = field(default_factory=dict)
    timeout_s: float = 10.0


PAID, FREE = USAGE_MICROS, 0
# Of a medium square of the default model: two tokens of prompt and six around it, and 439 of the picture.
ESTIMATE = (2 + 6) * 5 + 439 * 30
HOLD = {"policy": replace(POLICY, retry_unknown=False)}
WAITING = {"retry-after-ms": "20"}


def good_after(behaviour, outcome, cost, *, failures=1, unknowns=0, **more):
    return Row([behaviour], [outcome, "succeeded"], "succeeded", failures, [cost, PAID], unknowns=unknowns, **more)


def unknown(behaviour, **more):
    return good_after(behaviour, "unknown", None, unknowns=1, **more)


TABLE = {
    "image": Row([], ["succeeded"], "succeeded", 0, [PAID]),
    "image without usage": Row([images(usage=None)], ["succeeded"], "succeeded", 0, [ESTIMATE]),
    "400": Row([error(400, "invalid_value")], ["rejected"], "failed", 0, [FREE]),
    "422": Row([error(422)], ["rejected"], "failed", 0, [FREE]),
    "moderation": Row([error(400, "moderation_blocked")], ["rejected"], "failed", 0, [FREE]),
    "410": Row([error(410)], ["rejected"], "failed", 0, [FREE]),
    "429 in milliseconds": good_after(error(429, headers=WAITING), "rate_limited", FREE, failures=0),
    "429 in words": good_after(error(429, message="Please try again in 20ms."), "rate_limited", FREE, failures=0),
    "429 of the past": good_after(
        error(429, headers={"retry-after": "Fri, 20 Nov 2020 12:00:00 GMT"}), "rate_limited", FREE, failures=0
    ),
    "429 of minus one": good_after(error(429, headers={"retry-after": "-1"}), "rate_limited", FREE, failures=0),
    "429 without a word": good_after(error(429, "slow_down"), "rate_limited", FREE, failures=0),
    "429 many times": Row([error(429)] * 6, ["rate_limited"] * 6 + ["succeeded"], "succeeded", 0, [FREE] * 6 + [PAID]),
    "503 overloaded": good_after(error(503, "server_is_overloaded"), "rate_limited", FREE, failures=0),
    "503 with a wait": good_after(error(503, headers=WAITING), "rate_limited", FREE, failures=0),
    "503": good_after(error(503), "unavailable", FREE),
    "500": good_after(error(500), "unavailable", FREE),
    "502 page": good_after(reply(502, "<html>"), "unavailable", FREE),
    "408": good_after(error(408), "unavailable", FREE),
    "409": good_after(error(409), "unavailable", FREE),
    "500 until the end": Row([error(500)] * 3, ["unavailable"] * 3, "failed", 3, [FREE] * 3),
    "reset before reading": unknown(reset_unread()),
    "reset after reading": unknown(reset_after()),
    "half a body": unknown(half()),
    "504": unknown(reply(504)),
    "524": unknown(reply(524)),
    "hang": unknown(hang(), timeout_s=0.2),
    "drip": unknown(drip(), timeout_s=0.2),
    "endless": unknown(endless()),
    "unknown twice": Row([reset_after()] * 2, ["unknown"] * 2, "failed", 2, [None] * 2, unknowns=2),
    "unknown, held": Row([half()], ["unknown"], "failed", 1, [None], unknowns=1, plan=HOLD),
    "html page": good_after(html(), "invalid_reply", ESTIMATE),
    "cut json": good_after(cut_json(), "invalid_reply", ESTIMATE),
    "bad base64": good_after(bad_base64(), "invalid_reply", PAID),
    "not an image": good_after(not_an_image(), "invalid_reply", PAID),
    "empty list": good_after(empty_list(), "invalid_reply", PAID),
    "invalid until the end": Row([html()] * 3, ["invalid_reply"] * 3, "failed", 3, [ESTIMATE] * 3),
    "bad key": Row([error(401, "invalid_api_key")], ["account_blocked"], "pending", 0, [FREE], "check the key"),
    "quota": Row([error(429, "insufficient_quota")], ["account_blocked"], "pending", 0, [FREE], "no credit left"),
    "billing limit": Row(
        [error(400, "billing_hard_limit_reached")], ["account_blocked"], "pending", 0, [FREE], "billing limit is reached"
    ),
    "forbidden": Row([error(403)], ["account_blocked"], "pending", 0, [FREE], "may not do this"),
    "wrong address": Row([reply(404, "not here")], ["account_blocked"], "pending", 0, [FREE], "base_url"),
    "redirect": Row(
        [reply(302, "", {"location": "http://127.0.0.1:9/"})], ["account_blocked"], "pending", 0, [FREE], "the provider refuses"
    ),
    "model gone": Row(
        [error(404, "model_not_found")], ["account_blocked"], "pending", 0, [FREE], "models that the account cannot use"
    ),
    "long wait": Row(
        [error(429, headers={"retry-after": "259200"})], ["rate_limited"], "pending", 0, [FREE], "asks to wait until"
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_becomes_of(bench, name):
    """Outcomes, the job's state, its failures, the requests that went out and the money are those of the table."""
    row = TABLE[name]
    batch = bench.submit(["bear,a bear"])
    result, server = bench.work(batch, *row.script, timeout_s=row.timeout_s, **row.plan)
    job = bench.job(batch, "bear")
    assert job.outcomes == row.outcomes
    assert (job.state, job.failures, job.unknowns) == (row.state, row.failures, row.unknowns)
    assert len(server.seen) == len(row.outcomes)
    assert job.costs == row.costs
    assert all(attempt.sent_at is not None for attempt in job.attempts)
    assert [attempt.number for attempt in job.attempts] == list(range(1, len(row.outcomes) + 1))
    if row.halted is None:
        assert result.halted is None
    else:
        assert row.halted in result.halted
    assert (result.succeeded, result.failed) == (int(row.state == "succeeded"), int(row.state == "failed"))
    assert bench.images() == ({"shop/bear.png": server.made[-1]} if row.state == "succeeded" else {})
    assert bench.desks() == []


def test_money_that_may_be_gone_is_shown(bench):
    """What was cut off counts with the most it can have cost, apart from what is known, in the run and in the ledger."""
    batch = bench.submit(["bear,a bear", "cat,a cat"])
    result, _ = bench.work(batch, half(), concurrency=1)
    money = bench.money(batch)
    assert (money.sent, money.cost_micros, money.unpriced) == (3, 2 * PAID, 0)
    assert money.unknown == 1
    cut_off = bench.job(batch, "bear").attempts[0]
    assert money.unknown_micros == cut_off.reserved_micros > PAID
    assert (result.cost_micros, result.unknown, result.unknown_micros) == (2 * PAID, 1, money.unknown_micros)


@pytest.mark.parametrize("answer", [images(usage=None), html(), cut_json()])
def test_an_answer_without_usage_is_estimated(bench, answer):
    """A whole answer was billed: without a figure it costs what the published tokens say, and is called estimated."""
    batch = bench.submit(["bear,a bear"])
    result, _ = bench.work(batch, answer, policy=replace(POLICY, max_attempts=1))
    (attempt,) = bench.job(batch, "bear").attempts
    assert (attempt.cost_micros, attempt.cost_basis) == (ESTIMATE, "estimated")
    assert (bench.money(batch).estimated, bench.money(batch).cost_micros, bench.money(batch).unpriced) == (1, ESTIMATE, 0)
    assert (result.estimated, result.cost_micros, result.unpriced) == (1, ESTIMATE, 0)


def test_the_request_id_and_the_words_are_kept(bench):
    """For the provider's support: the id of the request, the code and the message of a refusal."""
    batch = bench.submit(["bear,a bear"])
    refusal = error(500, "server_error", "try later", headers={"x-request-id": "req_7"})
    bench.work(batch, refusal)
    first, second = bench.job(batch, "bear").attempts
    assert (first.provider_request_id, first.error_code, first.error_message, first.http_status) == (
        "req_7",
        "server_error",
        "try later",
        500,
    )
    assert (second.error_code, second.http_status) == (None, 200)


def test_every_request_is_labelled_with_its_attempt(bench):
    """The label that goes along names the job and the attempt."""
    batch = bench.submit(["bear,a bear"])
    _, server = bench.work(batch, error(500))
    number = bench.job(batch, "bear").attempts[0].job_id
    labels = [seen.headers["X-Client-Request-Id"] for seen in server.seen]
    assert labels == [f"batchgen-{number}-1", f"batchgen-{number}-2"]


@pytest.mark.parametrize("answer", [html(), cut_json(), bad_base64(), not_an_image()])
def test_a_reply_that_cannot_be_understood_is_kept_for_a_person(bench, answer):
    """Its owner's alone, named in the ledger, and without the key."""
    batch = bench.submit(["bear,a bear"])
    bench.work(batch, answer)
    (kept,) = (bench.folder / ".images.answers" / "unread").iterdir()
    assert bench.job(batch, "bear").attempts[0].error_message.endswith(f"kept as {kept}")
    assert kept.stat().st_mode & 0o077 == 0
    assert kept.stat().st_size > 0


def test_a_reply_that_was_understood_is_not_kept_twice(bench):
    """Neither that of an image nor that of a refusal."""
    batch = bench.submit(["bear,a bear"])
    bench.work(batch, empty_list(), error(500))
    assert not (bench.folder / ".images.answers" / "unread").exists()


def test_another_size_than_asked_is_noted_and_not_failed(bench):
    """The server's picture is eight pixels wide: the job is done, and the ledger says what came."""
    batch = bench.submit(["bear,a bear", "cat,a cat,auto"], columns="custom_id,prompt,size")
    result, _ = bench.work(batch)
    assert bench.states(batch) == {State.SUCCEEDED: 2}
    notes = [bench.job(batch, name).attempts[0].remark for name in ("bear", "cat")]
    assert notes == ["asked for 1024x1024, came 8x8", None]
    assert result.remarked == 1
