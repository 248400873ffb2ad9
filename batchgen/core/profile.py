"""A brand's look, put around every prompt."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from batchgen.core.request import Value

_ENDS = ".!?"
_PUNCTUATION = ".,;:!?"


@dataclass(frozen=True, slots=True)
class Profile:
    """What every prompt begins and ends with, the colours to use, what to leave out, and defaults of the request's fields."""

    prefix: str = ""
    suffix: str = ""
    palette: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)

    def around(self, prompt: str) -> str:
        """The prompt with the look around it: prefix, prompt, suffix, a sentence about colours and one about what to avoid."""
        text = _joined(_joined(self.prefix, prompt), self.suffix)
        for words, names in (("Colour palette", self.palette), ("Avoid", self.avoid)):
            if names:
                text = _joined(text if text.rstrip()[-1:] in _ENDS else f"{text}.", f"{words}: {', '.join(names)}.")
        return text


def _joined(left: str, right: str) -> str:
    """One text behind the other, with a blank where they would run into each other."""
    apart = not left or not right or left[-1].isspace() or right[0].isspace() or right[0] in _PUNCTUATION
    return f"{left}{right}" if apart else f"{left} {right}"
