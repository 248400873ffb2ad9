"""`[compat] translate = true`: the words of the tutorials become what the API takes, and each change is told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from batchgen.core.catalog import Catalog
from batchgen.core.fields import INPUT_COLUMNS
from batchgen.core.manifest import shortened
from batchgen.core.request import IMAGE, Value
from batchgen.core.sizes import enlarged
from batchgen.core.tutorials import AN_IMAGE, QUALITIES, TRANSLATED, rewritten

# The word -> what stands before it in the prompt, on a line of its own: prompts end in every way, and in every language.
_IN_THE_PROMPT = {"style": "Style", "negative_prompt": "Avoid"}


def hint(problems: Iterable[tuple[str, str]]) -> str:
    """How to have the words rewritten that problems are about, each a field and its message; empty where none would be."""
    words = dict.fromkeys(filter(None, (rewritten(field, message) for field, message in problems)))
    return f"[compat] translate = true in the settings has this rewritten: {', '.join(words)}" if words else ""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A note for each field that was another one, and the size that was asked for where it is smaller than what is sent."""

    notes: tuple[str, ...] = ()
    copy_size: str = ""


def translated(fields: Mapping[str, Value], catalog: Catalog) -> tuple[dict[str, Value], Rewritten]:
    """A row's fields as the API takes them, and what of them was another one. What is no such word stays as it is."""
    ours = {name: value for name, value in fields.items() if name not in TRANSLATED}
    notes = []
    for word in (word for word in TRANSLATED if word in fields):
        prompt, label = ours.get("prompt"), _IN_THE_PROMPT.get(word)
        # A row that names images in a column of ours has said already that it is an edit.
        is_image = word == AN_IMAGE and not any(column in fields for column in INPUT_COLUMNS)
        instead_of_it = "sent as image" if is_image else "written into the prompt" if label else "left out"
        notes.append(shortened(f"{word}={fields[word]} is {instead_of_it}"))
        if is_image:
            ours[IMAGE] = fields[word]
        # A row without a prompt stays one.
        if label and isinstance(prompt, str) and prompt.strip():
            ours["prompt"] = f"{prompt}\n{label}: {fields[word]}"
    instead = {
        "quality": QUALITIES.get(str(fields.get("quality"))),
        "size": enlarged(catalog.find(str(fields.get("model"))), str(fields.get("size"))),
    }
    for name, value in instead.items():
        if value is not None:
            notes.append(f"{name}={fields[name]} is sent as {value}")
            ours[name] = value
    return ours, Rewritten(tuple(notes), "" if instead["size"] is None else str(fields["size"]))
