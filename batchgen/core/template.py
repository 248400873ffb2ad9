"""Templates: a prompt for many rows. `{column}` is where a row's own words go, `{{` and `}}` are braces."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from batchgen.core.request import Value

_MARK = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FAULTS = {
    "{": "the {{ at character {} is never closed; write {{{{ for a brace of your own",
    "}": "the }} at character {} closes nothing; write }}}} for a brace of your own",
    "{}": "the {{}} at character {} names no column; write {{{{}}}} for braces of your own",
}


class Malformed(Exception):
    """This text is no template; the words say where and what to write."""


@dataclass(frozen=True, slots=True)
class Template:
    """Texts, and between each two of them the name of a column as it is written, without blanks around it."""

    texts: tuple[str, ...]
    columns: tuple[str, ...]

    def fill(self, values: Mapping[str, str]) -> str:
        """The prompt with these values in the place of its columns; every column has one."""
        filled = (values[column] + text for column, text in zip(self.columns, self.texts[1:], strict=True))
        return "".join((self.texts[0], *filled))


def parse(text: str) -> Template:
    """A text as a template. Raises Malformed."""
    texts, columns, end = [""], [], 0
    for mark in _MARK.finditer(text):
        texts[-1] += text[end : mark.start()]
        end = mark.end()
        name = mark[1]
        if mark[0] in ("{{", "}}"):
            texts[-1] += mark[0][0]
        elif name is None or not name.strip():
            raise Malformed(_FAULTS[mark[0] if name is None else "{}"].format(mark.start() + 1))
        else:
            columns.append(name.strip())
            texts.append("")
    texts[-1] += text[end:]
    return Template(tuple(texts), tuple(columns))


def as_text(value: Value) -> str:
    """A value as words of a prompt or of a name: without blanks around it, truth as JSON writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
