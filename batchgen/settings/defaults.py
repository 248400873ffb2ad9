"""A field of a request for every row: what is wrong with it is told once, and not on every line."""

from batchgen.core import parameters, template
from batchgen.core.fields import INPUTS
from batchgen.core.inputs import anchored
from batchgen.core.manifest import typed
from batchgen.core.request import Value
from batchgen.errors import SettingsError
from batchgen.settings.toml import Given


def default(name: str, given: Given, place: str, *, translate: bool = False) -> Value:
    """The value as its field takes it. Raises SettingsError with the place.

    `translate` lets the words of the tutorials pass, which are rewritten with each row.
    """
    value = typed(name, given.value) if isinstance(given.value, str) else given.value
    if name in INPUTS:
        return anchored(str(value), given.folder)
    # What depends on the model is checked with each row's.
    for finding in parameters.unfit(name, value, translate=translate):
        raise SettingsError(f"{place}: {finding.message}")
    if name == "prompt":
        checked_template(str(value), place)
    checked: Value = value
    return checked


def checked_template(text: str, place: str) -> template.Template:
    """A prompt for many rows. Raises SettingsError with the place."""
    try:
        return template.parse(text)
    except template.Malformed as error:
        raise SettingsError(f"{place}: {error}") from None
