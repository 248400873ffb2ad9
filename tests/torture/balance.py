"""The balance: what the server billed against what the ledger says, attempt by attempt, and the images against both."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .books import Asked, Attempt

# Ends that an answer brought: what it cost is known to the micro-dollar.
_ANSWERED = frozenset({"succeeded", "superseded", "invalid_reply"})
# Why an image may be bought again.
_MAY_BE_REPEATED = frozenset({"unknown", "superseded", "invalid_reply"})
_MAY_BE_UNKNOWN = frozenset({"worker_died", "lost_answer"})
# What the server does to an answer, so that nobody can know what became of it.
_LOST_ON_THE_WAY = frozenset({"cut", "reset", "504"})
# Beside the images: the lock of all workers, and replies that nobody could read.
_MAY_STAY = frozenset({"lock", "unread"})


@dataclass(frozen=True, slots=True)
class Balance:
    """`wanted` is how many images each row asks for, `in_flight` how many requests a worker has out at most.

    `safe` are the labels of answers that were seen whole on disk.
    """

    attempts: dict[str, Attempt]
    log: list[Asked]
    wanted: dict[str, int]
    images: dict[str, int]
    safe: set[str]
    in_flight: int

    @property
    def billed_micros(self) -> int:
        """By the server's log."""
        return sum(asked.cost for asked in self.log if asked.billed)

    @property
    def known_micros(self) -> int:
        """By the ledger."""
        return sum(attempt.cost or 0 for attempt in self.attempts.values())

    @property
    def at_most_micros(self) -> int:
        """The worst case of what the ledger calls unknown."""
        return sum(a.at_most for a in self.attempts.values() if a.outcome == "unknown" and a.cost is None)

    def broken(self) -> Iterator[str]:
        """What does not hold."""
        asked = {one.label: one for one in self.log}
        repeated = [label for label, count in Counter(one.label for one in self.log).items() if count > 1]
        yield from (f"{label} was sent more than once" for label in repeated)
        yield from (f"{label} was asked for and is no attempt" for label in asked.keys() - self.attempts.keys())
        for label, attempt in self.attempts.items():
            if words := _wrong(attempt, asked.get(label)):
                yield f"{label} {words}: {attempt}, {asked.get(label)}"
        if not 0 <= self.billed_micros - self.known_micros <= self.at_most_micros:
            yield "what was billed and is not known is more than the unknown attempts explain"
        yield from (f"{label} was whole on disk and is lost" for label in self.safe if not self.attempts[label].images)
        yield from self._bought_twice()
        yield from self._lost_by_one_death()
        yield from (
            f"{name} has {self.images.get(name)} of {count} images"
            for name, count in self.wanted.items()
            if self.images.get(name) != count
        )

    def _bought_twice(self) -> Iterator[str]:
        """Of several billed requests for one prompt all but one must have ended so that nobody could know better."""
        outcomes: dict[str, list[str | None]] = {}
        for asked in self.log:
            if asked.billed and asked.label in self.attempts:
                outcomes.setdefault(asked.prompt, []).append(self.attempts[asked.label].outcome)
        for prompt, found in outcomes.items():
            if len([one for one in found if one not in _MAY_BE_REPEATED]) > 1:
                yield f"{prompt!r} was bought more than once: {found}"

    def _lost_by_one_death(self) -> Iterator[str]:
        """A death costs no more than what was in flight."""
        lost = Counter(a.worker for a in self.attempts.values() if a.error_code in _MAY_BE_UNKNOWN and a.outcome == "unknown")
        yield from (f"the death of {worker} lost {count} answers" for worker, count in lost.items() if count > self.in_flight)


def _wrong(attempt: Attempt, asked: Asked | None) -> str:
    """What of an attempt is not as the server's log has it; empty if nothing is."""
    billed = asked.cost if asked and asked.billed else 0
    if attempt.outcome is None:
        return "was left open"
    if attempt.outcome in _ANSWERED:
        if asked is None:
            return "has an answer that the server did not give"
        if attempt.cost != asked.cost:
            return "cost something else"
        kept = asked.delivered if attempt.outcome != "superseded" else 0
        return "did not keep what came" if attempt.images != kept else ""
    if attempt.images:
        return "has images"
    if attempt.outcome == "unknown":
        return _wrongly_unknown(attempt, asked, billed)
    return "was billed, or is not called free" if billed or attempt.cost != 0 else ""


def _wrongly_unknown(attempt: Attempt, asked: Asked | None, billed: int) -> str:
    if attempt.error_code not in _MAY_BE_UNKNOWN and (asked is None or asked.fate not in _LOST_ON_THE_WAY):
        return "is unknown for no reason"
    if attempt.cost is not None:
        return "cost something else" if attempt.cost != billed else ""
    return "cost more than was reserved" if billed > attempt.at_most else ""


def left_behind(root: Path) -> Iterator[str]:
    """Files beside or below the images that should have gone: records, parts, folders of dead workers."""
    beside = root.parent / f".{root.name}.answers"
    yield from (f"{path} was left" for path in beside.iterdir() if path.name not in _MAY_STAY)
    yield from (f"{path} was left" for path in root.rglob("*") if path.is_file() and path.suffix != ".png")
