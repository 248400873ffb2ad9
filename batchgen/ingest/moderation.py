"""Every distinct prompt of a manifest is shown to a moderation endpoint, a few requests at a time."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from batchgen.core import retry
from batchgen.core.job import State
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.retry import Policy
from batchgen.providers.base import Moderator
from batchgen.store import moderation
from batchgen.store.engine import Transaction
from batchgen.store.moderation import Flagged

_REQUESTS_AT_ONCE = 4
# The smallest accounts may send some 10,000 tokens a minute: a request has to fit into that.
_TEXTS_A_REQUEST = 32
_CHARACTERS_A_REQUEST = 16_000
_PROMPTS_AT_ONCE = 8 * _REQUESTS_AT_ONCE * _TEXTS_A_REQUEST
_MOST_LISTED = 250
# A shorter wait is no news.
_WORTH_TELLING_S = 10.0
# No image is made: an answer takes a second.
_LONGEST_ANSWER_S = 60.0
_NOT_THERE = (404, 405, 501)
# Codes that are words of this program and no vendor's: they say nothing beside the message.
_OWN_CODES = ("not_sent", "no_reply", "invalid_reply")


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask, and how patiently; times are seconds. `tell` is told of long waits.

    `providers` are the words of those rows whose prompts the moderator may see, None for all rows.
    """

    moderator: Moderator
    policy: Policy
    longest_wait_s: float
    tell: Callable[[str], None]
    providers: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Moderated:
    """What was said of the prompts of a manifest. `failure` tells why asking ended early, if so.

    `left_out` are rows, by the provider that they name, whose prompts were shown to nobody else.
    """

    prompts: int
    asked: int
    flagged: Sequence[Flagged] = ()
    more_flagged: int = 0
    failure: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether every prompt was asked about."""
        return not (self.failure or self.left_out)


async def moderate(tx: Transaction, manifest: int, asking: Asking) -> Moderated:
    """Ask about every distinct prompt of the staged rows, but for those that only rows of other providers have."""
    count = moderation.collect(tx, manifest, asking.providers)
    questions, after, failure, asked = _Questions(asking), -1, "", 0
    while not failure and (prompts := moderation.prompts(tx, after, _PROMPTS_AT_ONCE)):
        after = prompts[-1][0]
        parts = list(_parts(prompts))
        for part, answer in zip(parts, await asyncio.gather(*map(questions.ask, parts)), strict=True):
            if isinstance(answer, str):
                failure = answer
            else:
                asked += len(part)
                told = zip(part, answer, strict=True)
                moderation.flag(tx, {number: categories for (number, _), categories in told if categories})
    found, first = moderation.flagged(tx, manifest, _MOST_LISTED)
    return Moderated(count, asked, first, found - len(first), failure, moderation.left_out(tx, manifest))


class _Questions:
    """Sends requests, few at once, and as slowly as the endpoint wants them."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._slots = asyncio.Semaphore(_REQUESTS_AT_ONCE)
        self._paused_until = 0.0
        self._was_answered = False
        self._failure = ""

    async def ask(self, part: Sequence[tuple[int, str]]) -> list[tuple[str, ...]] | str:
        """The categories of each prompt, or why there is no answer."""
        tried = failures = 0
        async with self._slots:
            while not self._failure:
                await self._wait()
                answer = await self._answer([prompt for _, prompt in part])
                if not isinstance(answer, Ending):
                    self._was_answered = True
                    return answer
                tried += 1
                verdict = self._verdict(answer, retry.Record(tried, failures, 0))
                if verdict is None:
                    # The others would hear the same.
                    self._failure = _why(answer)
                    break
                failures += verdict.failed
                self._pause(verdict.delay_s, answer)
        return self._failure

    async def _answer(self, texts: Sequence[str]) -> list[tuple[str, ...]] | Ending:
        try:
            async with asyncio.timeout(_LONGEST_ANSWER_S):
                return await self._asking.moderator.moderate(texts)
        except TimeoutError:
            return Ending(Outcome.UNKNOWN, error_code="no_reply", error_message="no answer in time")

    def _verdict(self, ending: Ending, record: retry.Record) -> retry.Verdict | None:
        """Whether and when to ask again; None for never."""
        if ending.outcome in (Outcome.UNKNOWN, Outcome.OFFLINE):
            # What costs nothing can be asked twice. One who never answered is not waited for: a person is.
            if not self._was_answered:
                return None
            ending = replace(ending, outcome=Outcome.UNAVAILABLE)
        if ending.outcome not in (Outcome.UNAVAILABLE, Outcome.RATE_LIMITED):
            return None
        verdict = retry.decide(ending, record, self._asking.policy, random.random())  # noqa: S311  (jitter)
        is_too_long = verdict.delay_s > self._asking.longest_wait_s
        return None if verdict.state is not State.PENDING or is_too_long else verdict

    def _pause(self, seconds: float, ending: Ending) -> None:
        now = asyncio.get_running_loop().time()
        if self._paused_until <= now and seconds >= _WORTH_TELLING_S:
            self._asking.tell(f"moderation: waiting {seconds:.0f} s ({ending.error_message})")
        self._paused_until = max(self._paused_until, now + seconds)

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        while (left := self._paused_until - loop.time()) > 0:  # noqa: ASYNC110  (another one may be asked to wait longer)
            await asyncio.sleep(left)


def _parts(prompts: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Prompts as requests of a bounded length; a prompt that is longer is one by itself."""
    part: list[tuple[int, str]] = []
    length = 0
    for number, prompt in prompts:
        if part and (len(part) == _TEXTS_A_REQUEST or length + len(prompt) > _CHARACTERS_A_REQUEST):
            yield part
            part, length = [], 0
        part.append((number, prompt))
        length += len(prompt)
    if part:
        yield part


def _why(ending: Ending) -> str:
    if ending.http_status in _NOT_THERE and ending.error_code == f"http_{ending.http_status}":
        return f"this provider has no moderation endpoint (the answer is {ending.http_status})"
    return f"{ending.error_message}" if ending.error_code in _OWN_CODES else f"{ending.error_code}: {ending.error_message}"
