"""What is made of every row before it becomes a request: a matrix multiplies it, a template words it, a profile goes around."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from batchgen.core import fields, identity, tutorials
from batchgen.core.fields import BESIDE_THE_REQUEST, CUSTOM_ID
from batchgen.core.manifest import Row
from batchgen.core.matrix import NO_CHOICE, Combination
from batchgen.core.parameters import Finding, normal
from batchgen.core.profile import Profile
from batchgen.core.request import Value
from batchgen.core.template import Template, as_text


@dataclass(frozen=True, slots=True)
class Recipe:
    """The template is for rows without a prompt of their own, or with `for_all` for every row."""

    template: Template | None = None
    for_all: bool = False
    profile: Profile | None = None
    matrix: tuple[Combination, ...] = (NO_CHOICE,)

    def unfit(self, row: Row) -> Iterator[Finding]:
        """What the columns of this row lack for the template or have too much beside the matrix: the same for all its like."""
        if self == _PLAIN or _is_unread(row):
            return
        varied = (*self.matrix[0].fields, *self.matrix[0].metadata)
        for name, text in self._words(row).items():
            if text is None:
                yield Finding("prompt", _no_column(name, (*row.columns.names, *varied)))
        for key in varied:
            slot = row.columns.find(key)
            # A column that was told to be no field may stand beside a field of the matrix.
            if slot is not None and (slot.is_field or key in self.matrix[0].metadata):
                yield Finding(key, "is a column of the manifest and a key of [matrix]: give one of them another name")
        for key in self._idle(row):
            if (word := tutorials.plain(key)) in tutorials.FIELDS:
                yield Finding(key, tutorials.FIELDS[word])

    def warnings(self, row: Row) -> Iterator[str]:
        """What may be meant, and is more likely a mistake that is paid for several times."""
        for key in self._idle(row) if self != _PLAIN else ():
            yield f"[matrix] {key} is no field of a request and the prompt does not name it: all its values ask for the same"

    def variants(self, row: Row, accepted: Collection[str] = ()) -> Iterator[Row]:
        """The row once for every combination, with its final prompt. A row that could not be read comes as it is.

        `accepted` are fields whose words go out as they are given.
        """
        if self == _PLAIN or _is_unread(row):
            yield row
            return
        words = self._words(row)
        name = row.custom_id or _derived(row, words, accepted)
        findings = (
            Finding("prompt", f"the template's {{{column}}} is empty in this row")
            for column, text in words.items()
            if text == ""
        )
        row = replace(row, findings=(*row.findings, *findings), promptless=row.promptless or None in words.values())
        for combination in self.matrix:
            cells = {**row.cells, **combination.fields, "prompt": self._prompt(row, words, combination)}
            full = f"{name}-{combination.name}" if combination.name and not identity.fault(name) else name
            if row.custom_id is not None:
                cells[CUSTOM_ID] = full
            given = {field: value for field, value in cells.items() if value is not None}
            yield replace(row, cells=given, metadata={**row.metadata, **combination.metadata}, derived=full)

    def _idle(self, row: Row) -> list[str]:
        """The keys of the matrix that change nothing in the request of this row."""
        template = self._template(row)
        named = {column.casefold() for column in template.columns} if template else set()
        return [key for key in self.matrix[0].metadata if key.casefold() not in named]

    def _template(self, row: Row) -> Template | None:
        return self.template if self.for_all or "prompt" not in row.cells else None

    def _words(self, row: Row) -> dict[str, str | None]:
        """What the row says for the columns of its template, as they are written there: None where it has no such column."""
        template = self._template(row)
        varied = self.matrix[0].words
        return {name: _said(row, name) for name in template.columns if name.casefold() not in varied} if template else {}

    def _prompt(self, row: Row, words: Mapping[str, str | None], combination: Combination) -> Value | None:
        template = self._template(row)
        prompt = row.cells.get("prompt")
        if template is not None:
            known = {name: text for name, text in words.items() if text}
            if len(known) < len(words):
                return None
            varied = combination.words
            prompt = template.fill({name: varied.get(name.casefold(), known.get(name, "")) for name in template.columns})
        if self.profile is None or not isinstance(prompt, str) or not prompt.strip():
            return prompt
        return self.profile.around(prompt)


_PLAIN = Recipe()


def _is_unread(row: Row) -> bool:
    return bool(row.findings) and not row.columns.names


def _said(row: Row, name: str) -> str | None:
    slot = row.columns.find(name)
    if slot is None:
        return None
    return as_text((row.cells if slot.is_field else row.metadata).get(slot.name, ""))


def _derived(row: Row, words: Mapping[str, str | None], accepted: Collection[str]) -> str:
    """The name of a row without one: its own request cells and what it says for the template, whose text does not enter."""
    cells = {
        field: value if field in accepted else normal(field, value)
        for field, value in row.cells.items()
        if field not in BESIDE_THE_REQUEST
    }
    said = dict(sorted((name.casefold(), text) for name, text in words.items() if text))
    others = {f"{{{name}}}": text for name, text in said.items() if name not in cells}
    return identity.derive({**cells, **others}, " ".join(said.values()) or None)


@lru_cache(maxsize=256)
def _no_column(name: str, names: tuple[str, ...]) -> str:
    # Asked of every row, and a comparison with every column takes its time.
    known = {column.casefold(): column for column in names if column}
    near = difflib.get_close_matches(name.casefold(), known, n=1)
    hint = f"; do you mean {{{known[near[0]]}}}?" if near else ""
    return f"{{{name}}} is no column; the columns are {fields.listed(names) or 'none'}{hint}"
