"""The first answers of a run. When all are the same refusal, the rest would fail alike: a wrong option, not wrong rows."""

import re
from dataclasses import dataclass

from batchgen.core.outcome import Ending, Outcome
from batchgen.core.remedy import remedy

_ANSWERS = 10
_REQUEST_ID = re.compile(r"req_[0-9a-zA-Z]+")
# Whether a prompt is allowed is a matter of that prompt alone.
_ABOUT_THE_PROMPT = frozenset({"moderation_blocked", "content_policy_violation"})


@dataclass(slots=True)
class Opening:
    """Fed with every ending, until one differs."""

    _refusal: tuple[str | None, str] | None = None
    _count: int = 0
    _is_over: bool = False

    def observe(self, ending: Ending) -> str | None:
        """Why the run must halt, or None."""
        if self._is_over or ending.http_status is None:
            return None
        refusal = (ending.error_code, _REQUEST_ID.sub("", ending.error_message or ""))
        alike = ending.outcome is Outcome.REJECTED and ending.error_code not in _ABOUT_THE_PROMPT
        if not alike or self._refusal not in (None, refusal):
            self._is_over = True
            return None
        self._refusal, self._count = refusal, self._count + 1
        if self._count < _ANSWERS:
            return None
        self._is_over = True
        help_ = remedy(ending.outcome, ending.error_code, ending.http_status)
        return f"the first {_ANSWERS} answers were all the same refusal ({ending.error_code}: {ending.error_message}); {help_}"
