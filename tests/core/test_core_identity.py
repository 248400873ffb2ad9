"""Names: what may be one, which are the same, and which one a row without a name gets."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.core import identity
from batchgen.core.parameters import PARAMETERS
from batchgen.core.request import TRANSPORT

GOOD = [
    "a",
    "0",
    "lighthouse",
    "Fox 1",
    "a.b",
    "IMG_0001(2)",
    "me+you@home-1",
    "x" * 120,
    "Möwe",
    "Mo\u0308we",
    "灯台",
    "دار",
    "हिन्दी",
    "١٢٣",
    "-",
    "console",
    "com",
    "com10",
    "lpt",
    "nullable",
    "con-1",
    "auxiliary.txt",
    "ß" * 100,
]

FAULTY = [
    ("", "is empty"),
    ("x" * 121, "has 121 characters: 120 are the most"),
    ("灯" * 67, "is too long for a file name: 200 bytes are the most"),
    *((f"a{sign}b", f"holds {sign!a}: only letters, digits") for sign in "/\\:*?\"<>|~#%&{}$!'`=,;[]^"),
    *((f"a{sign}b", f"holds {sign!a}: only") for sign in "\x00\n\r\t\x1b\x7f"),
    *((f"a{sign}b", f"holds {sign!a}: only") for sign in "\u200b\u202e\u00a0\ufeff\ud800\u2028€½①🦊"),
    ("../secret", "holds '/'"),
    (".", "begins or ends with a dot or a space"),
    ("..", "begins or ends with"),
    (".hidden", "begins or ends with"),
    ("end.", "begins or ends with"),
    (" a", "begins or ends with"),
    ("a ", "begins or ends with"),
    *(
        (name, "is the name of a device on Windows")
        for name in ("con", "CON", "prn", "Aux", "nul", "com0", "COM9", "lpt1", "LPT5")
    ),
    *((name, "is the name of a device on Windows") for name in ("con.txt", "NUL.tar.gz", "com1.a b")),
]


@pytest.mark.parametrize("name", GOOD)
def test_good_names_pass(name):
    """Letters and digits of any script, space and ._-+@() make a name."""
    assert identity.fault(name) == ""


@pytest.mark.parametrize(("name", "told"), FAULTY, ids=ascii)
def test_faulty_names_are_told_why(name, told):
    """Whatever some file system cannot keep, or could take for a path, is refused with the reason."""
    assert told in identity.fault(name)


SAME = [
    ("Fox", "fox"),
    ("FOX", "fOx"),
    ("Möwe", "MO\u0308WE"),
    ("straße", "STRASSE"),
    ("Ångström", "a\u030angstro\u0308m"),
    ("ΟΔΟΣ", "οδος"),
]
NOT_SAME = [("fox", "fox1"), ("fox", "fox-"), ("Mowe", "Möwe"), ("a b", "a-b"), ("a", "а")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_names_without_regard_to_case_and_form(one, other):
    """Names that some file system takes for one are one."""
    assert identity.fold(one) == identity.fold(other)


@pytest.mark.parametrize(("one", "other"), NOT_SAME)
def test_other_names_are_others(one, other):
    """Nothing else is thrown together."""
    assert identity.fold(one) != identity.fold(other)


@given(st.text(max_size=150))
def test_folding_is_steady(text):
    """A name and its other forms fold to one text, which folds to itself."""
    folded = identity.fold(text)
    assert identity.fold(folded) == folded
    assert identity.fold(unicodedata.normalize("NFC", text)) == folded
    assert identity.fold(unicodedata.normalize("NFD", text)) == folded


@given(st.text(max_size=130))
def test_a_name_without_fault_is_a_file_name(text):
    """What passes has no separator, no control character, and room for an ending."""
    if identity.fault(text):
        return
    assert 1 <= len(text) <= 120
    assert len(f"{text}~10.webp".encode()) <= 255
    assert not set(text) & set('/\\:*?"<>|~\x00\n\r\t')
    assert text.strip(". ") == text


CELLS = st.dictionaries(
    st.sampled_from(["prompt", "model", *PARAMETERS]),
    st.one_of(st.text(max_size=300), st.integers(0, 1000), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)),
)


@given(CELLS, st.integers(2, 10**6))
def test_any_derived_id_is_a_good_one(cells, ordinal):
    """Whatever a prompt holds, its id can be a file name, also with an ordinal behind it."""
    derived = identity.derive(cells)
    assert identity.fault(derived) == ""
    assert identity.fault(f"{derived}-{ordinal}") == ""


@given(CELLS)
def test_the_order_of_cells_does_not_count(cells):
    """Columns that trade places rename nobody."""
    assert identity.derive(cells) == identity.derive(dict(reversed(cells.items())))


@given(CELLS, CELLS)
def test_other_cells_make_another_id(one, other):
    """Two rows get one id only if they ask for the same, in whatever way it is to come."""
    same = [sorted(repr(cell) for cell in cells.items() if cell[0] not in TRANSPORT) for cells in (one, other)]
    assert (identity.derive(one) == identity.derive(other)) == (same[0] == same[1])


SLUGS = [
    ("A lighthouse on a cliff at dusk with a warm beam", "a-lighthouse-on-a-cliff-at-dusk-with-a"),
    ("Fox", "fox"),
    ("", "row"),
    ("!!! ???", "row"),
    ("../../etc/passwd", "etc-passwd"),
    ("CON", "con"),
    ('"G I G G L E" painted', "g-i-g-g-l-e-painted"),
    ("Möwe über Kiel", "möwe-über-kiel"),
    ("Mo\u0308we", "möwe"),
    ("x" * 100, "x" * 40),
    ("a 🦊 b", "a-b"),
    ("one\n two\t three", "one-two-three"),
]


@pytest.mark.parametrize(("text", "slug"), SLUGS)
def test_slugs(text, slug):
    """The first words, as far as 40 characters reach; a word is cut only where it is the first."""
    assert identity.slug(text) == slug


def test_a_derived_id_is_the_same_for_ever():
    """It names files and rows: another value would make every row of every manifest new."""
    assert identity.derive({"prompt": "A fox asleep", "size": "1024x1024", "n": 2}) == "a-fox-asleep-312abbeb1c25323c"
