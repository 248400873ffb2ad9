"""Names that people give: of rows (`custom_id`) and of batches. Each is a file name on every system, or is refused.

Two names are the same when they are equal after NFC and casefold: some file systems cannot tell such names apart.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from batchgen.core.outcome import Outcome
from batchgen.core.request import TRANSPORT, Value

MOST_CHARACTERS = 120
MOST_BYTES = (
    200  # a file name may have 255 bytes on most systems; the rest is for `~10.webp` and what is added while it is written
)
_PUNCTUATION = frozenset(" ._-+@()")
_ASCII_NAME = re.compile(r"[A-Za-z0-9 ._\-+@()]*", re.ASCII)
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE | re.ASCII)
_SLUG_CHARACTERS = 40

# Answers that say "not now": they tell nothing of what became of an earlier try.
_NOT_ABOUT_THE_WISH = frozenset({Outcome.RATE_LIMITED, Outcome.UNAVAILABLE, Outcome.ACCOUNT_BLOCKED})

SANDBOX_PREFIX = "sandbox-"

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def fold(name: str) -> str:
    """The form in which names are compared."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def fault(name: str) -> str:
    """Why a name cannot be used, or an empty string."""
    if not name:
        return "is empty"
    if len(name) > MOST_CHARACTERS:
        return f"has {len(name)} characters: {MOST_CHARACTERS} are the most"
    if not _ASCII_NAME.fullmatch(name):
        strange = next((character for character in name if not _allowed(character)), None)
        if strange is not None:
            return f"holds {strange!a}: only letters, digits, space and ._-+@() are allowed"
        if len(name.encode()) > MOST_BYTES:
            return f"is too long for a file name: {MOST_BYTES} bytes are the most"
    if name[0] in ". " or name[-1] in ". ":
        return "begins or ends with a dot or a space"
    if _DEVICE.fullmatch(name):
        return "is the name of a device on Windows"
    return ""


def derive(cells: Mapping[str, Value], words: str | None = None) -> str:
    """A custom_id out of a row's own request cells: the first of its words and a hash (64 bits) of all cells.

    Its words are its prompt where no others are given. Other cells, other rows, the row's place and how its image comes do not
    enter, so none of them changes it.
    """
    decisive = {name: value for name, value in cells.items() if name not in TRANSPORT}
    digest = hashlib.sha256(_encode_sorted(decisive)).hexdigest()[:16]
    return f"{slug(str(cells.get('prompt', '')) if words is None else words)}-{digest}"


def slug(text: str) -> str:
    """The first words of a text in lower case, joined by hyphens; `row` where nothing is left."""
    start = unicodedata.normalize("NFC", text[: 4 * _SLUG_CHARACTERS]).lower()
    words = "".join(character if _allowed(character, punctuation=False) else " " for character in start).split()
    kept = ""
    for word in words:
        longer = f"{kept}-{word}" if kept else word[:_SLUG_CHARACTERS]
        if len(longer) > _SLUG_CHARACTERS:
            break
        kept = longer
    return kept or "row"


def once(created_at: datetime, job_id: int, fingerprint: str, images: int, answers: int) -> str:
    """What a provider may tell a second try by from a new wish, in the form of a UUID.

    It is the same for every try at one request of one job until a complete answer has come (`answered`): a try whose answer was
    lost may have been billed, and is the one that must not be billed again. After an answer it is another one, since providers
    that keep such values answer to an old one what they answered then, be it an error; and so it is in another ledger.
    """
    told = f"{created_at.isoformat()} {job_id} {fingerprint} {images} {answers}"
    return str(UUID(bytes=hashlib.sha256(told.encode()).digest()[:16]))


def answered(ends: Iterable[tuple[Outcome | None, int | None]]) -> int:
    """How many wishes of a job got their answer, by the outcome and HTTP status of each of its attempts, the first one first.

    While the answer to an earlier try is lost, one that says "not now" (slow down, still in progress, a key that is wrong) ends
    nothing: the image of the lost try may be made and billed all the same.
    """
    count, is_lost = 0, False
    for outcome, status in ends:
        # A proxy that gave up has a status, too, and the request went on behind it.
        if outcome is Outcome.UNKNOWN:
            is_lost = True
        elif status is not None and not (is_lost and outcome in _NOT_ABOUT_THE_WISH):
            count, is_lost = count + 1, False
    return count


def _allowed(character: str, *, punctuation: bool = True) -> bool:
    if character.isascii():
        return character.isalnum() or (punctuation and character in _PUNCTUATION)
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd"
