"""Rules for prompts: what a person does not want in any, found as a person would find it."""

import pytest

from batchgen.core.assembly import BUILT_IN, assemble
from batchgen.core.manifest import Row
from batchgen.core.prompt_rules import PromptRules

# a term, a prompt, whether the prompt holds it
TERMS = [
    ("gun", "A gun on a table", True),
    ("gun", "A GUN!", True),
    ("Gun", "gun's smoke, gun-metal, gun_metal", True),
    ("gun", "The Burgundy gunner begun", False),
    ("gun", "begun, then a gun", True),
    ("gun", "7gun", False),
    ("wine glass", "a wine\n  glass", True),
    ("wine\tglass", "A Wine Glass.", True),
    ("wine glass", "a wine glasses shop", False),
    ("wine glass", "a glass of wine", False),
    ("Straße", "in der STRASSE", True),
    ("café", "a cafe\u0301 at night", True),
    ("cafe", "a cafe\u0301 at night", False),
    ("cafe", "a café at night", False),
    ("gun", "a ｇｕｎ, a g\u00adu\u200bn", True),
    ("ΟΔΟΣ", "μια οδος", True),
    ("пистолет", "ПИСТОЛЕТ и пистолеты", True),
    ("пистолет", "пистолеты", False),
    ("क", "कि", False),
    ("銃", "彼は機関銃を持つ", True),
    ("ปืน", "ถือปืนอยู่", True),
    ("gun", "彼のgunは", True),
    ("c++", "in C++ style", True),
    ("c++", "a vitaminC++", False),
    ("#1", "the #1 shop", True),
    ("#1", "the #12 shop", False),
    ("!!", "Now!!", True),
    ("i̇stanbul", "İstanbul", True),
]


@pytest.mark.parametrize(("term", "prompt", "is_held"), TERMS, ids=ascii)
def test_a_term_is_found_as_whole_words(term, prompt, is_held):
    """In any case, in every script, whatever is written between its words; never as a part of another word."""
    told = list(PromptRules((term,)).broken(prompt))
    assert told == ([f"holds {term!r}, which [prompts] blocked forbids"] if is_held else [])


LENGTHS = [
    (PromptRules(), "", []),
    (PromptRules(min_length=3, max_length=5), "abc", []),
    (PromptRules(min_length=3, max_length=5), "Möwen", []),
    (PromptRules(min_length=3), "ab", ["has 2 characters: [prompts] min_length asks for 3 at least"]),
    (PromptRules(max_length=1200), "x" * 1201, ["has 1,201 characters: [prompts] max_length allows 1,200 at most"]),
    (PromptRules(("b", "a", "c"), max_length=2), "a b", ["holds 'b'", "holds 'a'", "has 3 characters"]),
]


@pytest.mark.parametrize(("rules", "prompt", "told"), LENGTHS)
def test_lengths_are_counted_in_characters(rules, prompt, told):
    """Everything that is wrong is told, with the setting to look at."""
    found = list(rules.broken(prompt))
    assert len(found) == len(told)
    assert all(message.startswith(words) for message, words in zip(found, told, strict=True))


def test_rules_are_about_the_prompt_that_would_be_sent():
    """The words of a translation count, and a rule is told beside everything else that is wrong with the row."""
    row = Row(7, {"prompt": "A fox", "style": "Vivid", "n": 11}, {})
    wanted, findings = assemble(row, BUILT_IN, translate=True, rules=PromptRules(("vivid",)))
    assert wanted is None
    assert [finding.field for finding in findings] == ["prompt", "n"]
    assert assemble(Row(7, {"prompt": "A fox"}, {}), BUILT_IN, rules=PromptRules(("vivid",)))[1] == ()
