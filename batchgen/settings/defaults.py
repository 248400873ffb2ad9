"""A field of a request for every row: what is wrong with it is told once, and not on every line."""

from collections.abc import Collection, Mapping

from batchgen.core import parameters, template, tutorials
from batchgen.core.fields import INPUTS, REQUEST_FIELDS
from batchgen.core.inputs import anchored
from batchgen.core.manifest import typed
from batchgen.core.request import Value
from batchgen.errors import SettingsError
from batchgen.settings.mistakes import Mistakes
from batchgen.settings.toml import Given

# What can stand in a table of defaults.
FIELDS = (*REQUEST_FIELDS, *INPUTS)


def is_field(name: str, accepted: Collection[str] = ()) -> bool:
    """Whether it can stand there, or is a word of the tutorials, which is told apart with its value.

    `accepted` are fields that some provider takes as they are.
    """
    return name in FIELDS or name in tutorials.FIELDS or name in accepted


def default(name: str, given: Given, place: str, accepted: Collection[str] = ()) -> Value:
    """The value as its field takes it. Raises SettingsError with the place.

    A word of the tutorials passes: it is rewritten with each row, or `refuse_words` is asked. What some provider accepts as it
    is (`accepted`) is not looked into.
    """
    if name in accepted:
        return _untouched(name, given, place)
    value = typed(name, given.value) if isinstance(given.value, str) else given.value
    if name in INPUTS:
        return anchored(str(value), given.folder)
    # What depends on the model is checked with each row's.
    for finding in parameters.unfit(name, value, translate=True):
        raise SettingsError(f"{place}: {finding.message}")
    if name == "prompt":
        checked_template(str(value), place)
    checked: Value = anchored(str(value), given.folder) if name == tutorials.AN_IMAGE else value
    return checked


def _untouched(name: str, given: Given, place: str) -> Value:
    """Refuses what no cell could hold."""
    if not isinstance(given.value, Value):
        raise SettingsError(f"{place} = {given.value!r}: must be a text, a number or a truth value")
    return typed(name, given.value) if isinstance(given.value, str) else given.value


def refuse_words(values: Mapping[str, Value], place: str, accepted: Collection[str] = ()) -> None:
    """Raises SettingsError where words of the tutorials stand, for settings that have none rewritten.

    `place` is the file and the table, `accepted` are fields that some provider takes as they are.
    """
    mistakes = Mistakes()
    for name, told in values.items():
        value = parameters.normal(name, told)
        if tutorials.is_translated(name, value) and name not in accepted:
            for finding in parameters.unfit(name, value):
                mistakes.add(f"{place} {name}: {finding.message}")
    mistakes.refuse()


def checked_template(text: str, place: str) -> template.Template:
    """A prompt for many rows. Raises SettingsError with the place."""
    try:
        return template.parse(text)
    except template.Malformed as error:
        raise SettingsError(f"{place}: {error}") from None
