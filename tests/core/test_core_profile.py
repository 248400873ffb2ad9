"""Profiles: a look around a prompt."""

import pytest

from batchgen.core.profile import Profile

AROUND = [
    (Profile(), "A cup", "A cup"),
    (Profile(prefix="Photograph."), "A cup", "Photograph. A cup"),
    (Profile(prefix="Photograph: "), "A cup", "Photograph: A cup"),
    (Profile(prefix="Photograph\n"), " A cup", "Photograph\n A cup"),
    (Profile(suffix="on white"), "A cup", "A cup on white"),
    (Profile(suffix=", on white"), "A cup", "A cup, on white"),
    (Profile(suffix=" on white"), "A cup ", "A cup  on white"),
    (Profile(palette=("navy", "cream")), "A cup", "A cup. Colour palette: navy, cream."),
    (Profile(avoid=("people",)), "A cup!", "A cup! Avoid: people."),
    (Profile(avoid=("people",)), "A cup.\n", "A cup.\nAvoid: people."),
    (
        Profile("Photo of", "on {white}", ("navy",), ("text", "people")),
        "a {cup}",
        "Photo of a {cup} on {white}. Colour palette: navy. Avoid: text, people.",
    ),
]


@pytest.mark.parametrize(("profile", "prompt", "around"), AROUND)
def test_a_profile_goes_around_a_prompt(profile, prompt, around):
    """Nothing of either is changed; a blank or a full stop comes between them where words would run together."""
    assert profile.around(prompt) == around
