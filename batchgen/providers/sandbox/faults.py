"""Faults that a person asks for by name and rate, and which request gets one.

    name          what the client sees                                            billed
    400..599      that status with an error of the vendor's shape                 no; 504 and 524 yes (*)
    slow_down     429 rate_limit_error / slow_down                                no
    quota         429 insufficient_quota                                          no
    moderation    400 moderation_blocked                                          no
    reset         the connection is reset where the answer should begin           yes
    cut           Content-Length promised, half of the body, connection closed    yes
    bad_json      a complete message whose JSON breaks off                        yes
    bad_base64    b64_json that is not base64                                     yes
    not_image     base64 of bytes that are no image                               yes
    html          200 with a gateway's HTML page in place of the answer           yes
    empty         data: [] beside the usage of all images                         yes
    fewer         one image less than asked, with the usage of those sent         those sent; n=1: no
    hang          no answer until the client goes                                 yes
    drip          the whole answer, slowly, in small pieces (20 in one second)    yes
    stream_error  an event with an error (server_error) in place of the last image  the images before it
    stream_end    the connection closed in place of the last event                yes

A refusal that arrives whole costs nothing; what happens after the image was made is billed. (*) A gateway that stops waiting
does not stop the work behind it.

A stream meets them in its own way: `cut` ends within its events, `drip` sends them in pieces, what is spoiled is spoiled in the
event that completes an image, and `empty` sends the previews alone. Refusals come in place of a stream. An answer in one piece
meets `stream_error` as 500 and `stream_end` as `cut`.

Chosen from a hash of the prompt and of how many times this server was asked for it before: a run can be repeated, and a retry
may fare better. Requests refused by the checks or by the limit are not counted: when those come depends on the clock.
"""

import difflib
import hashlib
import math
from collections import Counter
from dataclasses import dataclass

from batchgen.errors import WrongUsage

_STATUSES = range(400, 600)
_REFUSING = ("slow_down", "quota", "moderation")
_LATE = (
    "reset",
    "cut",
    "bad_json",
    "bad_base64",
    "not_image",
    "html",
    "empty",
    "fewer",
    "hang",
    "drip",
    "stream_error",
    "stream_end",
)
_NAMES = (*_REFUSING, *_LATE)
_UNSTREAMED = {"stream_error": "500", "stream_end": "cut"}
_STATUSES_AFTER_THE_IMAGE = ("504", "524")
_SYNTAX = "write NAME=RATE with a rate from 0 to 1, several with commas, like 500=0.05,cut=0.02"


@dataclass(frozen=True, slots=True)
class Faults:
    """Which faults, and for which share of the requests each."""

    rates: tuple[tuple[str, float], ...] = ()

    def choose(self, prompt: str, asked_before: int) -> str:
        """The fault of one request, or an empty string."""
        seed = f"{asked_before}\0{prompt}".encode()
        place = int.from_bytes(hashlib.blake2b(seed, digest_size=7).digest()) / 2**56
        for name, rate in self.rates:
            if place < rate:
                return name
            place -= rate
        return ""


class FaultCounter:
    """Chooses for one server; remembers how often each prompt was asked, and only if there are faults to choose from."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._asked: Counter[bytes] = Counter()

    def next(self, prompt: str) -> str:
        """The fault of the next request for this prompt, or an empty string."""
        if not self._faults.rates:
            return ""
        key = hashlib.blake2b(prompt.encode(), digest_size=8).digest()
        fault = self._faults.choose(prompt, self._asked[key])
        self._asked[key] += 1
        return fault


def as_met(fault: str, *, streamed: bool) -> str:
    """What a fault of streams is for an answer that comes as one, or in one piece."""
    return fault if streamed else _UNSTREAMED.get(fault, fault)


def refuses(fault: str) -> bool:
    """True for a fault that is an error of the vendor's shape in place of an image."""
    return fault.isdecimal() or fault in _REFUSING


def bills(fault: str) -> bool:
    """True if the image was made before things went wrong, and for no fault at all."""
    return not refuses(fault) or fault in _STATUSES_AFTER_THE_IMAGE


def parse_faults(text: str) -> Faults:
    """`500=0.05,cut=0.02` as faults; an empty text is none. Raises WrongUsage that names the part which is wrong."""
    rates: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, share = (piece.strip() for piece in part.partition("="))
        _known(name, part)
        if name in rates:
            raise WrongUsage(f"fault {part!r}: {name} is given twice")
        rates[name] = _rate(share, part) if equals else _refuse(part, "has no rate")
    if sum(rates.values()) > 1 + 1e-9:
        raise WrongUsage(
            f"faults {text!r}: the rates add up to {sum(rates.values()):g}; a request has one fault at most, so 1 is the limit"
        )
    return Faults(tuple(rates.items()))


def _known(name: str, part: str) -> None:
    if name in _NAMES or (name.isascii() and name.isdecimal() and len(name) == 3 and int(name) in _STATUSES):
        return
    near = difflib.get_close_matches(name.lower(), _NAMES, n=1)
    meant = f"; did you mean {near[0]}?" if near else "."
    raise WrongUsage(
        f"fault {part!r}: {name!r} is not known{meant} Known are {', '.join(_NAMES)}, and any HTTP status from 400 to 599"
    )


def _rate(share: str, part: str) -> float:
    try:
        rate = float(share)
    except ValueError:
        rate = math.nan
    return rate if 0 <= rate <= 1 else _refuse(part, f"{share!r} is not a rate")


def _refuse(part: str, problem: str) -> float:
    raise WrongUsage(f"fault {part!r}: {problem}; {_SYNTAX}")
