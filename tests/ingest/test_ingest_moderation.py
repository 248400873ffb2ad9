"""Prompts are shown to a moderation endpoint: each once, few at a time, as slowly as it wants, and never silently not."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web
from scripted_server import Behaviour, ScriptedServer, cut_json, error, hang, html, reply, reset_after

from batchgen.core.assembly import BUILT_IN
from batchgen.core.retry import Policy
from batchgen.ingest.check import check
from batchgen.ingest.moderation import Asking
from batchgen.providers.openai import OpenAI

POLICY = Policy(max_attempts=3, backoff_base_s=0.01, backoff_cap_s=0.01, retry_unknown=True)
SOON = {"retry-after-ms": "5"}


def judged(*, results: int | None = None) -> Behaviour:
    """A result for each text; those that hold a ! are flagged."""

    async def answer(_server, _request, seen) -> web.Response:
        told = [{"flagged": "!" in text, "categories": {"hate": "!" in text, "sexual": False}} for text in seen.json["input"]]
        return web.json_response({"id": "modr-1", "results": told[:results]})

    return Behaviour(answer)


def moderated(desk, content: str, script=(), *, then: Behaviour | None = None, longest_wait_s: float = 900.0):
    """What `check` finds of a manifest with this content, the server that was asked, and what was told meanwhile."""
    told: list[str] = []

    async def run():
        async with ScriptedServer(list(script), then or judged()) as server:
            provider = OpenAI(server.base, "sk-test-key", timeout_s=5)
            await provider.open()
            try:
                asking = Asking(provider, POLICY, longest_wait_s, told.append)
                terms = replace(desk.terms, defaults=BUILT_IN)
                (found,) = await check([(desk.manifest("m.csv", content), terms)], asking)
            finally:
                await provider.close()
            return found.moderated, server

    return *asyncio.run(run()), told


def texts(server) -> list[list[str]]:
    return [seen.json["input"] for seen in server.seen]


def test_every_distinct_prompt_is_asked_once(desk):
    """Many in one request, in the model's words; long ones go in smaller company, and each flagged row is listed."""
    rows = [f"prompt {number % 40}{'!' * (number % 40 == 7)}" for number in range(80)]
    rows += ["x" * 12_000, "y" * 12_000, "z" * 30_000]
    found, server, _ = moderated(desk, "prompt\n" + "\n".join(rows) + "\n")
    assert (found.prompts, found.failure, found.more_flagged) == (43, "", 0)
    assert [(row.line, row.categories) for row in found.flagged] == [(9, ("hate",)), (49, ("hate",))]
    assert sorted(map(len, texts(server))) == [1, 1, 9, 32]
    assert sorted(text for part in texts(server) for text in part) == sorted(set(rows))
    assert {(seen.path, seen.json["model"], seen.headers["Authorization"]) for seen in server.seen} == {
        ("/v1/moderations", "omni-moderation-latest", "Bearer sk-test-key")
    }


def test_few_requests_are_out_at_once(desk):
    """However many prompts there are."""
    rows = "".join(f"a cat of {number}\n" for number in range(1000))

    async def slowly(server, request, seen):
        await asyncio.sleep(0.002)
        return await judged().answer(server, request, seen)

    found, server, _ = moderated(desk, f"prompt\n{rows}", then=Behaviour(slowly))
    assert (found.prompts, found.failure, len(server.seen)) == (1000, "", 32)
    assert 1 < server.open_at_most <= 4


def test_many_flagged_rows_are_counted(desk):
    """The first are listed, so that neither memory nor the terminal overflows."""
    found, _, _ = moderated(desk, "prompt\n" + "no!\n" * 300)
    assert (found.prompts, len(found.flagged), found.more_flagged) == (1, 250, 50)


PATIENT = [
    [error(429, "rate_limit_exceeded", headers=SOON)] * 9,
    [error(503, "server_is_overloaded", headers=SOON)],
    [error(500)] * 2,
]


@pytest.mark.parametrize("failures", PATIENT)
def test_it_is_asked_again_where_time_helps(desk, failures):
    """Speed is waited out as often as it takes, other failures a few times."""
    found, server, _ = moderated(desk, "prompt\nno!\n", failures)
    assert (found.failure, len(found.flagged), len(server.seen)) == ("", 1, len(failures) + 1)


def test_who_was_there_is_asked_again_when_an_answer_is_lost(desk):
    """It costs nothing; a server that never answered is not waited for."""
    rows = "".join(f"a cat of {number}!\n" for number in range(32 * 33))
    found, server, _ = moderated(desk, f"prompt\n{rows}", [judged()] * 32 + [reset_after()] * 2)
    assert (found.failure, len(found.flagged) + found.more_flagged, len(server.seen)) == ("", 32 * 33, 35)


HOPELESS = [
    ([error(401, "invalid_api_key", "Incorrect API key sk-test-key")], "invalid_api_key: Incorrect API key (the key)"),
    ([error(429, "insufficient_quota", "no credit")], "insufficient_quota: no credit"),
    ([reply(404, "<html>nothing here")], "this provider has no moderation endpoint (the answer is 404)"),
    ([error(404, "model_not_found", "no such model")], "model_not_found: no such model"),
    ([error(400, "invalid_type", "a string only")], "invalid_type: a string only"),
    ([error(500, "server_error", "again")] * 3, "server_error: again"),
    ([error(429, "rate_limit_exceeded", "slow", headers={"retry-after": "901"})], "rate_limit_exceeded: slow"),
    ([reset_after()], "[Errno "),
    ([html()], "the reply is not the JSON of a moderation"),
    ([cut_json()], "the reply is not the JSON of a moderation"),
    ([judged(results=0)], "the reply holds 0 results for 1 texts"),
]


@pytest.mark.parametrize(("script", "words"), HOPELESS, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_asked_is_told(desk, script, words):
    """Why, without the key, and after no more tries than make sense."""
    found, server, _ = moderated(desk, "prompt\nA cat\n", script, then=hang())
    assert found.failure.startswith(words)
    assert "sk-test-key" not in found.failure
    assert (found.prompts, found.asked, found.flagged, len(server.seen)) == (1, 0, [], len(script))
