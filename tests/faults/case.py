"""A case: what the server does, and what must become of it. Data only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scripted_server import Behaviour

from .behaviours import good

PROMPT = "a red kettle"
ONE_ROW = f"custom_id,prompt\nkettle,{PROMPT}\n"

# One image of medium quality, 1024x1024, by the price table: 439 image tokens at $30 a million and text at $5.
IMAGE = 439 * 30
PAID = IMAGE + 10 * 5  # what the server's usage says
ESTIMATED = IMAGE + (len(PROMPT) // 4 + 6) * 5  # without usage: four bytes a token, and what encoding adds
AT_MOST = IMAGE + (len(PROMPT) + 6) * 5  # no text has more tokens than bytes

# The server is not there at all.
NEVER = None


@dataclass(frozen=True, slots=True)
class Became:
    """What stands in a row of the page; of a run it is measured, of a case it is expected. Money is in USD micros."""

    outcomes: str  # of the attempts, in the order in which they ended
    jobs: str = "succeeded"
    exit: str = "0"
    requests: int = 2
    known: int = PAID
    estimated: int = 0  # so much of the known
    at_most: int = 0  # what unknown attempts can have cost


@dataclass(frozen=True, slots=True)
class Case:
    """One fault. When the script has run out, `then` answers everything."""

    fault: str
    script: Sequence[Behaviour]
    becomes: Became
    then: Behaviour = field(default_factory=good)
    settings: Mapping[str, str] = field(default_factory=dict)
    manifest: str = ONE_ROW
    commands: Sequence[str] = ("run m.csv",)
    opens: str | None = ""  # the server listens when the program has said these words
    says: str = ""  # a part of what stands on stderr
    message: str = ""  # a part of what the ledger keeps of the first attempt's error
    note: str = ""  # a part of what the ledger notes of a success
    kept: int = 0  # replies that could not be understood and lie on disk, where their attempts' errors say
    asks: tuple[int, ...] = ()  # how many images each request asks for
    crowd: tuple[int, ...] = ()  # how many requests were open when each came, itself included


def rows(how_many: int) -> str:
    """A manifest of equal prompts."""
    return "custom_id,prompt\n" + "".join(f"kettle-{number},{PROMPT}\n" for number in range(1, how_many + 1))


# What most faults become.
REFUSED = Became("rejected", "failed", "1", requests=1, known=0)
HALTED = Became("account_blocked", "pending", "3", requests=1, known=0)
LOST_ONCE = Became("unknown, succeeded", at_most=AT_MOST)
WAITED_OUT = Became("rate_limited, succeeded")
TRIED_AGAIN = Became("unavailable, succeeded")

# A refusal about speed and a server that is away are no failures: the first failure would be the last.
NO_FAILURE_ALLOWED = {"BATCHGEN_RETRY__MAX_ATTEMPTS": "1"}
ONE_AT_A_TIME = {"BATCHGEN_LIMITS__CONCURRENCY": "1"}
