"""Mistakes of one file, told together: whoever mends the first wants to know of the others."""

from collections.abc import Callable
from typing import TypeVar

from batchgen.errors import SettingsError

_Result = TypeVar("_Result")


class Mistakes:
    """Keeps what is wrong with parts of a file, until `refuse` tells it."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}

    def ask(self, part: Callable[[], _Result], instead: _Result) -> _Result:
        """What a part says; `instead` where it is wrong."""
        try:
            return part()
        except SettingsError as error:
            self.add(str(error))
            return instead

    def add(self, words: str) -> None:
        """Keep one, which is told once."""
        self._told[words] = None

    def refuse(self) -> None:
        """Raises SettingsError with all that was kept, each on a line of its own."""
        if self._told:
            raise SettingsError("\n".join(self._told))
