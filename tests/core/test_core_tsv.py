"""TSV: a quote counts only if it encloses the whole cell, and a stray one swallows nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.core import tsv
from batchgen.core.manifest import MOST_ROW_CHARACTERS

Q = '"'

READ = [
    # text, records as (line, cells)
    ("a\tb\n", [(1, ["a", "b"])]),
    ("a\tb\r\nc\td\r\n", [(1, ["a", "b"]), (2, ["c", "d"])]),
    ("a\tb", [(1, ["a", "b"])]),
    ("\t\n", [(1, ["", ""])]),
    ("\n\na\n", [(1, [""]), (2, [""]), (3, ["a"])]),
    ('"a"\t"b"\n', [(1, ["a", "b"])]),
    ('"a\tb"\tc\n', [(1, ["a\tb", "c"])]),
    ('"two ""big"" dogs"\tb\n', [(1, ['two "big" dogs', "b"])]),
    ('""\t"b"\n', [(1, ["", "b"])]),
    ('a\t""\n', [(1, ["a", ""])]),
    ('""""\tb\n', [(1, [Q, "b"])]),
    ('a\t"b"\t\n', [(1, ["a", "b", ""])]),
    # quotes that do not enclose the whole cell are the text's own
    ('"G I G G L E" painted on a wall\tb\n', [(1, ['"G I G G L E" painted on a wall', "b"])]),
    ('a sign that says "Deep"\tb\n', [(1, ['a sign that says "Deep"', "b"])]),
    ('"Yes" and "No"\tb\n', [(1, ['"Yes" and "No"', "b"])]),
    ('"a" \tb\n', [(1, ['"a" ', "b"])]),
    (' "a"\tb\n', [(1, [' "a"', "b"])]),
    ('a 5" nail\tb\n', [(1, ['a 5" nail', "b"])]),
    ('"\tb\n', [(1, [Q, "b"])]),
    ('"\n', [(1, [Q])]),
    ('"""\tb\n', [(1, ['"""', "b"])]),
    # cells over several lines
    ('"a\nb"\tc\n', [(1, ["a\nb", "c"])]),
    ('"a\r\nb"\tc\r\nd\te\r\n', [(1, ["a\nb", "c"]), (3, ["d", "e"])]),
    ('x\t"a\n\nb"\ny\tz\n', [(1, ["x", "a\n\nb"]), (4, ["y", "z"])]),
    ('x\t"a ""q""\nb"\n', [(1, ["x", 'a "q"\nb'])]),
    ('x\t"a\nb"\t"c\nd"\n', [(1, ["x", "a\nb", "c\nd"])]),
    # stray quotes that nobody closes
    ('"a\nb\nc\n', [(1, ['"a']), (2, ["b"]), (3, ["c"])]),
    ('"a\nb\tc\n', [(1, ['"a']), (2, ["b", "c"])]),
    ('x\t"a\ny\tb"\n', [(1, ["x", '"a']), (2, ["y", 'b"'])]),
    ('"a\nb "c" d\n', [(1, ['"a']), (2, ['b "c" d'])]),
    ('"a\tx\n"b\ty\n', [(1, ['"a', "x"]), (2, ['"b', "y"])]),
    ('"a\n"b\n"c\n', [(1, ['"a']), (2, ['"b']), (3, ['"c'])]),
    ('x\t"inch 5\ny\t6" nail\nz\tw\n', [(1, ["x", '"inch 5']), (2, ["y", '6" nail']), (3, ["z", "w"])]),
]


def _records(text: str, start: int = 1) -> list[tuple[int, list[str]]]:
    return list(tsv.records(iter(text.splitlines(keepends=True)), start))


@pytest.mark.parametrize(("text", "records"), READ, ids=lambda value: repr(value)[:40])
def test_records(text, records):
    """Cells as they stand, but for quotes around the whole of one."""
    assert _records(text) == records


def test_lines_count_from_where_the_file_was_taken_over():
    """The header may have been read by somebody else."""
    assert [line for line, _ in _records('"a\nb"\nc\n', start=7)] == [7, 9]


def test_an_open_quote_is_followed_only_so_far():
    """A closing quote in another part of a long file belongs to another cell."""
    text = '"a\n' + "b\n" * 300 + 'c"\n'
    records = _records(text)
    assert len(records) == 302
    assert records[0] == (1, ['"a'])
    near = '"a\n' + "b\n" * 150 + 'c"\n'
    assert len(_records(near)) == 1


def test_an_open_quote_is_followed_only_through_so_much_text():
    """Looking for its end holds no more text in memory than a row may have."""
    taken = []

    def lines():
        yield '"a\n'
        for number in range(100):
            taken.append(number)
            yield "b" * (MOST_ROW_CHARACTERS // 3) + "\n"
        yield 'c"\n'

    first = next(tsv.records(lines(), 1))
    assert first == (1, ['"a'])
    assert len(taken) == 3


def test_a_line_of_nothing_but_tabs_is_as_many_cells():
    """Two million cells are read in one pass."""
    ((_, cells),) = tsv.records(iter(["\t" * 2_000_000]), 1)
    assert len(cells) == 2_000_001


PLAIN = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=30
)


@given(
    st.lists(st.tuples(PLAIN.filter(lambda text: not text.startswith(Q)), PLAIN.filter(lambda text: not text.startswith(Q))))
)
def test_cells_that_begin_without_a_quote_are_a_plain_split(rows):
    """Whatever else they hold, every character is kept and no row is lost."""
    text = "".join(f"{one}\t{two}\n" for one, two in rows)
    assert [cells for _, cells in _records(text)] == [[one, two] for one, two in rows]


@given(st.lists(st.text(st.sampled_from('"ab '), min_size=1, max_size=8), min_size=1, max_size=8))
@example(['"', '"'])
def test_stray_quotes_swallow_no_row(starts):
    """Rows of two cells stay rows of two cells, whatever quotes their first cells hold."""
    text = "".join(f"{start}\tend\n" for start in starts)
    records = _records(text)
    enclosed = [len(cells) == 1 for _, cells in records]
    assert not any(enclosed)
    assert [line for line, _ in records] == list(range(1, len(starts) + 1))


@given(st.text(st.sampled_from('"\t\n\ra '), max_size=60))
def test_no_text_is_lost(text):
    """Letters all come back, in their order; lines of records grow."""
    records = _records(text)
    kept = "".join("".join(cells) for _, cells in records)
    assert kept.count("a") == text.count("a")
    lines = [line for line, _ in records]
    assert lines == sorted(set(lines))


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20), min_size=1, max_size=3
        )
    )
)
def test_what_is_quoted_comes_back_to_the_letter(rows):
    """Every cell that is enclosed by the rules, with tabs but on one line, is read as it was meant."""
    flat = [[cell.replace("\n", " ") for cell in cells] for cells in rows]
    quoted = [[Q + cell.replace(Q, Q + Q) + Q for cell in cells] for cells in flat]
    lines = ["\t".join(cells) + "\n" for cells in quoted]
    assert [cells for _, cells in tsv.records(iter(lines), 1)] == flat
