"""What a person does not want in any prompt: terms, and lengths. It is asked of the prompt as it would be sent."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

# Soft hyphens, marks of direction, joiners: nobody sees them, and nothing shall hide behind them.
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]")
# Thai and its neighbours, Chinese, Japanese: words stand next to each other there without a blank.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class PromptRules:
    """`blocked` are words and phrases; lengths are characters, a `max_length` of 0 is none."""

    blocked: tuple[str, ...] = ()
    min_length: int = 0
    max_length: int = 0

    def broken(self, prompt: str) -> Iterator[str]:
        """What is wrong with a prompt, each with the setting that says so."""
        if self.blocked:
            text = folded(prompt)
            for term in self.blocked:
                if _holds(text, _folded_term(term)):
                    yield f"holds {term!r}, which [prompts] blocked forbids"
        if len(prompt) < self.min_length:
            yield f"has {len(prompt):,} characters: [prompts] min_length asks for {self.min_length:,} at least"
        if self.max_length and len(prompt) > self.max_length:
            yield f"has {len(prompt):,} characters: [prompts] max_length allows {self.max_length:,} at most"


NO_RULES = PromptRules()


def folded(text: str) -> str:
    """A text as terms are sought in it: case, width, accents written in two characters and kinds of blanks do not matter."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).casefold())
    return " ".join(text.casefold().split())


# The same few terms are sought in a million prompts.
_folded_term = lru_cache(maxsize=4096)(folded)


def _holds(text: str, term: str) -> bool:
    """Whether the term stands in the text as a whole word, or as whole words."""
    begin = text.find(term)
    while begin >= 0:
        end = begin + len(term)
        if not _goes_on(text[begin - 1 : begin], term[0]) and not _goes_on(text[end : end + 1], term[-1]):
            return True
        begin = text.find(term, begin + 1)
    return False


def _goes_on(beside: str, edge: str) -> bool:
    """Whether a term is a part of a longer word, by its outermost character and the one beside it, which may be none."""
    if not beside or _UNSPACED.match(edge):
        return False
    is_mark = unicodedata.category(beside).startswith("M")
    return is_mark or (edge.isalnum() and beside.isalnum() and not _UNSPACED.match(beside))
