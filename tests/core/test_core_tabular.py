"""CSV and its relatives: dialects, quotes, ragged rows, and reading on behind a mistake."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.core import tabular
from batchgen.core.manifest import Row, Unreadable


def _read(text: str, mapping: dict[str, str] | None = None, *, tabs_first: bool = False) -> list[Row]:
    lines = [line + "\n" for line in text.split("\n")[:-1]] + [line for line in text.split("\n")[-1:] if line]
    return list(tabular.rows(lines, mapping or {}, tabs_first=tabs_first))


def _cells(text: str, **options) -> list[dict]:
    rows = _read(text, **options)
    assert [row.findings for row in rows] == [()] * len(rows)
    return [{**row.cells, **row.metadata} for row in rows]


DIALECTS = [
    ("prompt,shelf\na;b,c|d\n", [{"prompt": "a;b", "shelf": "c|d"}]),
    ("prompt;shelf\na,b;c\n", [{"prompt": "a,b", "shelf": "c"}]),
    ("prompt\tshelf\na,b\tc;d\n", [{"prompt": "a,b", "shelf": "c;d"}]),
    ("prompt|shelf\na,b|c\n", [{"prompt": "a,b", "shelf": "c"}]),
    ("prompt\na; b | c\td\n", [{"prompt": "a; b | c\td"}]),
    ("Prompt;Preis, netto\na;1,50\n", [{"prompt": "a", "Preis, netto": "1,50"}]),
    ('"prompt";"a,b,c,d"\nx;y\n', [{"prompt": "x", "a,b,c,d": "y"}]),
    ("PROMPT ; size\na;auto\n", [{"prompt": "a", "size": "auto"}]),
    ('prompt, shelf\n"a, b", "c"\n', [{"prompt": "a, b", "shelf": "c"}]),
    ("prompt,shelf\r\na,b\r\n", [{"prompt": "a", "shelf": "b"}]),
    ("prompt,shelf\na,b", [{"prompt": "a", "shelf": "b"}]),
    ("\n\n  \nprompt\na\n", [{"prompt": "a"}]),
    ('prompt\n"say ""cheese"""\n', [{"prompt": 'say "cheese"'}]),
    ('prompt\na 5" nail\n', [{"prompt": 'a 5" nail'}]),
    ('prompt\n"two\nlines"\n', [{"prompt": "two\nlines"}]),
    ('prompt\n"two\r\nlines"\r\n', [{"prompt": "two\r\nlines"}]),
    ("prompt,n\n  a fox  , 2 \n", [{"prompt": "  a fox  ", "n": 2}]),
    ("prompt,shelf\na,\nb\n\n,\nc,d,\n", [{"prompt": "a"}, {"prompt": "b"}, {"prompt": "c", "shelf": "d"}]),
    ("prompt,n,user,size\na,3,3,1024x1024\n", [{"prompt": "a", "n": 3, "user": "3", "size": "1024x1024"}]),
]


@pytest.mark.parametrize(("text", "rows"), DIALECTS)
def test_dialects(text, rows):
    """The separator is the one under which the header names a prompt; cells come as they stand."""
    assert _cells(text) == rows


def test_the_prompt_s_column_decides_also_under_another_name():
    """With a mapping the mapped header is looked for, and a .tsv is split at tabs where nothing else decides."""
    assert _cells("Text;a,b,c\nx;y\n", mapping={"prompt": "Text"}) == [{"prompt": "x", "a,b,c": "y"}]
    assert _cells("a,prompt\tb\nx\ty\n", mapping={"prompt": "b"}) == [{"a,prompt": "x", "prompt": "y"}]
    ((finding,),) = (row.findings for row in _read("a\tb c\n", tabs_first=True))
    assert "among a, b c;" in finding.message


LINES = [
    ("prompt\na\nb\nc\n", [2, 3, 4]),
    ('prompt\n"a\nb"\nc\n', [2, 4]),
    ('prompt\n"a\n\n\nb"\n\nc\n', [2, 7]),
    ('"custom_id",prompt\n1,"a\nb"\n2,"c\nd\ne"\n3,f\n', [2, 4, 7]),
    ("\n\nprompt\na\n\nb\n", [4, 6]),
    ('prompt\tshelf\n"a\nb"\tc\nd\te\n', [2, 4]),
]


@pytest.mark.parametrize(("text", "lines"), LINES)
def test_a_row_is_named_by_the_line_on_which_it_begins(text, lines):
    """Cells over several lines and empty lines are counted."""
    assert [row.line for row in _read(text)] == lines


BROKEN = [
    # text, then for each row: line, field and part of the finding, or the prompt of a good one
    (
        'prompt,n\na,1\n"b"x,2\nc,3\n',
        [(2, "a"), (3, ("", "a quote inside a quoted cell must be doubled")), (4, "c")],
    ),
    (
        'prompt,n\na,1\n"b,2\nc,3\n',
        [(2, "a"), (3, ("", "a quote that opens in this row is never closed"))],
    ),
    (
        "prompt,n\na,1,x\nb,2,,\nc\n",
        [(2, ("", "has 3 cells and the header 2: quote cells that hold the separator")), (3, "b"), (4, "c")],
    ),
    ("prompt,,n\na,x,1\nb,,2\n", [(2, ("", "cell 2 has no name in the header")), (3, "b")]),
    (
        "prompt,qualty\na,low\n",
        [(1, ("qualty", "if you mean quality")), (2, "a")],
    ),
    ("prompt\na\rb\nc\n", [(2, ("", "ends of line of Unix or Windows")), (3, "c")]),
    (
        'prompt,n\n"a"x,1\nb,2\n"c" ,3\n"d""",4\n"e"f"\ng,5\n',
        [(2, ("", "doubled")), (3, "b"), (4, ("", "doubled")), (5, 'd"'), (6, ("", "doubled")), (7, "g")],
    ),
]


@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_reading_goes_on_behind_a_mistake(text, expected):
    """Each broken row is named, and the rows below it are read as if nothing had been."""
    rows = _read(text)
    assert [row.line for row in rows] == [line for line, _ in expected]
    for row, (_, told) in zip(rows, expected, strict=True):
        if isinstance(told, str):
            assert (row.cells["prompt"], row.findings) == (told, ())
        else:
            (finding,) = row.findings
            assert finding.field == told[0]
            assert told[1] in finding.message


UNREADABLE = [
    ("", 0, "is empty"),
    ("\n \n\n", 0, "is empty"),
    ('"prompt,size\na,b\n', 1, "never closed"),
    ('"prompt"x,size\na,b\n', 1, "must be doubled"),
    ("prompt\rfox\rdog\r", 1, "ends of line of Unix or Windows"),
]


@pytest.mark.parametrize(("text", "line", "told"), UNREADABLE)
def test_a_header_that_cannot_be_read_ends_the_reading(text, line, told):
    """Without knowing what the columns are, no row means anything."""
    with pytest.raises(Unreadable) as caught:
        _read(text)
    assert caught.value.line == line
    assert told in str(caught.value)


NO_FIELDS = [
    ("a fox\na dog\n", 1, "there is no prompt column among a fox; name yours with --column prompt=HEADER"),
    (",,\n,x,\n", 1, "among (empty), (empty), (empty)"),
    ("\n\nname\nx,y\n", 3, "there is no prompt column"),
]


@pytest.mark.parametrize(("text", "line", "told"), NO_FIELDS)
def test_a_header_that_names_no_field_is_all_that_is_told(text, line, told):
    """It is another kind of table: what is wrong with its rows would be noise."""
    (row,) = _read(text)
    assert (row.line, row.promptless) == (line, True)
    assert told in row.findings[-1].message


def test_the_rows_of_a_header_without_a_prompt_are_read_as_well():
    """What else is wrong with them can be told together with the missing column."""
    rows = _read("name,size\na,auto\nb,auto,c\n")
    assert [(row.line, len(row.findings), row.promptless) for row in rows] == [(1, 1, True), (2, 0, True), (3, 1, True)]


@pytest.mark.parametrize("header", ["", "Text"])
def test_an_ignored_prompt_column_is_no_prompt_column(header):
    """`--column prompt=` leaves no prompts; what --column names must be there."""
    rows = _read("prompt,size\na,auto\n", mapping={"prompt": header})
    assert "no prompt column" in rows[0].findings[-1].message


def test_a_cell_without_end_stops_at_the_limit(monkeypatch):
    """An open quote at the top of a huge file is named; it does not take the whole file into memory."""
    monkeypatch.setattr(tabular, "MOST_ROW_CHARACTERS", 1000)
    rows = _read('prompt\n"a\n' + "b" * 40 + ("\n" + "b" * 40) * 30 + "\n")
    assert rows[0].line == 2
    assert "a cell has more than 1,000 characters: is a quote left open?" in rows[0].findings[0].message
    assert rows[-1].cells["prompt"] == "b" * 40


ROUGH = st.text(st.one_of(st.sampled_from('",;\t|\r \ufeffapx1\x00'), st.characters(exclude_characters="\n")), max_size=60)


@given(st.lists(ROUGH, max_size=12), st.sampled_from(["", "prompt\n", "prompt,n\n", "prompt;n\n", "prompt\tn\n", "prompt|n\n"]))
@example(['"'], "prompt\n")
@example(['"', "", '"'], "prompt\tn\n")
@example(["\x00", '"\x00'], "prompt,n\n")
def test_no_text_crashes_the_reading(lines, header):
    """Anything at all is rows, findings, or one word about why it cannot be read."""
    text = header + "\n".join(lines)
    for tabs_first in (False, True):
        try:
            rows = _read(text, tabs_first=tabs_first)
        except Unreadable as error:
            assert str(error)
            continue
        numbers = [row.line for row in rows]
        assert numbers == sorted(set(numbers))
        assert all(1 <= number <= text.count("\n") + 1 for number in numbers)
        assert all(row.cells or row.metadata or row.findings for row in rows)


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), min_size=1, max_size=40)


@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=8), st.sampled_from(",;|"))
def test_what_is_quoted_comes_back_to_the_letter(pairs, separator):
    """Every cell that is written by the rules is read as it was meant."""

    def quoted(text: str) -> str:
        doubled = text.replace('"', '""')
        return f'"{doubled}"'

    text = f"prompt{separator}shelf\n" + "".join(f"{quoted(one)}{separator}{quoted(two)}\n" for one, two in pairs)
    assert _cells(text) == [{"prompt": one, "shelf": two} for one, two in pairs]
