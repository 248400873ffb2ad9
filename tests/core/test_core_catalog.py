"""The catalog says which models there are, and until when."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from batchgen.core import parameters, pricing
from batchgen.core.catalog import DEFAULT_MODEL, GONE, VENDORS

NAMES = (
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-flare",
    "gpt-image-2",
    "gpt-image-1.5",
    "chatgpt-image-latest",
    "gpt-image-1-mini",
    "gpt-image-1",
)

SNAPSHOTS = {
    "gpt-image-2.5-sunburst-2026-09-08": "gpt-image-2.5-sunburst",
    "gpt-image-2.5-flare-2026-09-08": "gpt-image-2.5-flare",
    "gpt-image-2-2026-04-21": "gpt-image-2",
    "gpt-image-1.5-2025-12-16": "gpt-image-1.5",
}

SHUT_DOWN = {
    "gpt-image-1.5": date(2026, 12, 1),
    "gpt-image-1.5-2025-12-16": date(2026, 12, 1),
    "chatgpt-image-latest": date(2026, 12, 1),
    "gpt-image-1-mini": date(2026, 12, 1),
    "gpt-image-1": date(2026, 10, 23),
}


def test_every_model_of_the_vendor_is_there():
    """The names are the vendor's, newest first, and the default is one that has no end yet."""
    assert VENDORS.names == NAMES
    default = VENDORS.find(DEFAULT_MODEL)
    assert DEFAULT_MODEL == "gpt-image-2.5-flare"
    assert default is not None
    assert default.shutdown is None


@pytest.mark.parametrize(("snapshot", "model"), SNAPSHOTS.items())
def test_a_snapshot_has_its_model_s_rules(snapshot, model):
    """A dated name is found as its model, with the same rates and tokens."""
    assert VENDORS.find(snapshot) is VENDORS.find(model)
    assert pricing.price_on(snapshot, date(2026, 11, 21)) == pricing.price_on(model, date(2026, 11, 21))
    assert VENDORS.tokens_like(snapshot) == model


@pytest.mark.parametrize("name", ["gpt-image-2.5", "gpt-image-2.6", "GPT-IMAGE-2", "dall-e-3", "gpt-image-2-2026-04-22", ""])
def test_what_the_vendor_does_not_answer_to_is_not_found(name):
    """No bare aliases, no other case, no near snapshots: an unknown model has no rules."""
    assert VENDORS.find(name) is None


@pytest.mark.parametrize(("name", "last"), SHUT_DOWN.items())
def test_a_model_ends_on_its_day(name, last):
    """The day before it answers; from the day on it does not, and the model to write instead does."""
    assert parameters.unavailable(name, last - timedelta(days=1)) == ""
    told = parameters.unavailable(name, last)
    assert f"{name} was shut down on {last}" in told
    replacement = told.rpartition("use ")[2]
    assert replacement in NAMES
    assert parameters.unavailable(replacement, last) == ""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SHUT_DOWN])
def test_current_models_answer(name):
    """No date is made up for a model that has none."""
    assert parameters.unavailable(name, date(2099, 1, 1)) == ""


@pytest.mark.parametrize("name", ["dall-e-2", "dall-e-3"])
def test_models_of_another_age_are_gone(name):
    """They are refused with the date and with a model that answers."""
    told = parameters.unavailable(name, date(2026, 11, 21))
    assert f"{name} was shut down on 2026-05-12; use gpt-image-2.5-" in told


def test_an_unknown_model_is_told_what_there_is():
    """Whoever mistypes a model reads all of their names."""
    told = parameters.unavailable("gpt-image-3", date(2026, 11, 21))
    assert all(name in told for name in NAMES)


def test_every_replacement_is_in_the_catalog():
    """The way out of a retired model leads somewhere."""
    ways_out = {model.replacement for model in VENDORS.models if model.shutdown} | {new for _, new in GONE.values()}
    assert all(VENDORS.find(name) is not None for name in ways_out)


def test_what_is_uncertain_is_not_refused():
    """A value stands either among the allowed or is refused; what is open is among the allowed, and warns."""
    for model in VENDORS.models:
        for name, value in model.uncertain:
            given = {name: value, **({"output_format": "png"} if name == "background" else {})}
            assert parameters.problems(model.name, given) == (), (model.name, name, value)
            assert [finding.field for finding in parameters.warnings(model.name, given)] == [name]


def test_a_catalog_is_not_changed_but_another_one_made():
    """A model takes the place of the one of its name, a new one stands behind; the first catalog is as it was."""
    two = VENDORS.find("gpt-image-2")
    changed = VENDORS.with_model(replace(two, qualities=("low",))).with_model(replace(two, name="new", snapshots=()))
    assert changed.names == (*NAMES, "new")
    assert changed.find("gpt-image-2-2026-04-21").qualities == ("low",)
    assert VENDORS.find("gpt-image-2") is two
    assert VENDORS.names == NAMES
