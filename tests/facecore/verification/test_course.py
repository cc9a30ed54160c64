"""Course lists, and the rows that are handed in."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecore.errors import PairListError
from facecore.verification.course import (
    KAGGLE_COLUMNS,
    CourseHeader,
    course_table,
    find_course_header,
    kaggle_rows,
    seen_values,
)
from facecore.verification.listtext import open_list

Reader = Callable[..., tuple[CourseHeader | None, pd.DataFrame]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("course") / "list.csv"


@pytest.fixture(scope="module")
def read(place: Path) -> Reader:
    """Write a list and read it block by block, as the reader of all lists does."""

    def read(content: str | bytes, size: int = 1 << 20) -> tuple[CourseHeader | None, pd.DataFrame]:
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        text = open_list(place)
        header = find_course_header(next(text.blocks(size)))
        if header is None:
            return None, pd.DataFrame()
        header = seen_values(text, header)
        tables = [course_table(block, header, number == 0) for number, block in enumerate(text.blocks(size))]
        return header, pd.concat(tables, ignore_index=True)

    return read


def rows(table: pd.DataFrame) -> list[list[object]]:
    """The table as plain values, None for NA."""
    return [[None if pd.isna(value) else value for value in row] for row in table.itertuples(index=False)]


@pytest.mark.parametrize("names", KAGGLE_COLUMNS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_an_answer_sheet(read: Reader, names: tuple[str, str], separator: str) -> None:
    lines = [names, ("v/000.jpg v/001.jpg", "1"), ("v/000.jpg v/002.jpg", "0"), ("v/003.jpg v/001.jpg", "")]
    header, table = read("".join(separator.join(line) + "\n" for line in lines))
    assert header is not None
    assert header.names == names
    assert list(table.columns) == ["left", "right", "label", names[0]]
    assert table["label"].dtype == "boolean"
    assert rows(table) == [
        ["v/000.jpg", "v/001.jpg", True, "v/000.jpg v/001.jpg"],
        ["v/000.jpg", "v/002.jpg", False, "v/000.jpg v/002.jpg"],
        ["v/003.jpg", "v/001.jpg", None, "v/003.jpg v/001.jpg"],
    ]


@pytest.mark.parametrize(
    "values",
    [("0.3", "0.71"), ("0", "0.5"), ("0", "0"), ("1", "1"), ("-1", "1"), ("1e-3", "2"), ("0", ""), ("-0.25", "same")],
)
def test_values_that_are_no_labels_are_carried_along(read: Reader, values: tuple[str, str]) -> None:
    header, table = read(f"Id,Category\na b,{values[0]}\nc d,{values[1]}\n")
    assert header is not None
    assert header.holds == "text"
    assert list(table.columns) == ["left", "right", "Id", "Category"]
    assert table["Category"].tolist() == list(values)


def test_what_a_list_holds_is_known_only_at_its_end(read: Reader) -> None:
    lines = [f"a{i} b{i},{i % 2}\n" for i in range(500)]
    content = "Id,Category\n" + "".join(lines)
    header, table = read(content, size=200)
    assert header is not None
    assert header.holds == "labels"
    assert len(table) == 500
    assert table["label"].tolist() == [i % 2 == 1 for i in range(500)]
    header, table = read(content + "x y,0.5\n", size=200)
    assert header is not None
    assert header.holds == "text"
    assert "label" not in table
    assert len(table) == 501


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("Id,Category\na b,\nc d,\n", ["left", "right", "Id"]),
        ("Id\na b\nc d\n", ["left", "right", "Id"]),
        ("Category,Id\n0.5,a b\n0.7,c d\n", ["left", "right", "Id", "Category"]),
        ("ID,score\na b,0.5\nc d,0.7\n", ["left", "right", "ID", "score_in_list"]),
        ("Id,similarity\na b,0.5\nc d,0.7\n", ["left", "right", "Id", "similarity"]),
        ("# sample\n\nId , Category\na b,0.5\n\nc d,0.7\n", ["left", "right", "Id", "Category"]),
        ('"Id","Category"\n"a b","0.5"\n"c d","0.7"\n', ["left", "right", "Id", "Category"]),
    ],
)
def test_forms(read: Reader, content: str, columns: list[str]) -> None:
    _, table = read(content)
    assert list(table.columns) == columns
    assert table["left"].tolist() == ["a", "c"]
    assert table["right"].tolist() == ["b", "d"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings(read: Reader, encoding: str) -> None:
    _, table = read("Id,Category\r\n\u00e9.jpg b.jpg,1\r\nc.jpg d.jpg,0\r\n".encode(encoding))
    assert rows(table)[0] == ["\u00e9.jpg", "b.jpg", True, "\u00e9.jpg b.jpg"]


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("a.jpg b.jpg", ("a.jpg", "b.jpg")),
        ("a.jpg\tb.jpg", ("a.jpg", "b.jpg")),
        ("a.jpg  b.jpg", ("a.jpg", "b.jpg")),
        (" a.jpg b.jpg ", ("a.jpg", "b.jpg")),
        ("a\u00a0b.jpg c.jpg", ("a\u00a0b.jpg", "c.jpg")),
        ("my cat.jpg your dog.png", ("my cat.jpg", "your dog.png")),
        ("my cat.jpg b.JPG", ("my cat.jpg", "b.JPG")),
        ('"""my cat"" ""your dog"""', ("my cat", "your dog")),
        ('"""a.jpg b.jpg"" c.jpg"', ("a.jpg b.jpg", "c.jpg")),
        ('"a, 1.jpg b.jpg"', ("a, 1.jpg", "b.jpg")),
        ('"""say """"x"""".jpg"" b"', ('say "x".jpg', "b")),
    ],
)
def test_the_two_names_in_an_id(read: Reader, cell: str, names: tuple[str, str]) -> None:
    _, table = read(f"Id,Category\n{cell},0.5\n")
    assert (table["left"][0], table["right"][0]) == names
    written = cell[1:-1].replace('""', '"') if cell.startswith('"') else cell
    assert table["Id"][0].strip() == written.strip()


@pytest.mark.parametrize(
    "content",
    [
        "left,right\na,b\n",
        "id,left,right\n1,a,b\n",
        "a.jpg b.jpg\n",
        "id,note\n1,x\n",
        "id,note\n",
        "id,id\na b,1\n",
        "Id Category\na b\n",
        "Id\na.jpg\n",
        "Id\n",
    ],
)
def test_other_lists_are_none(read: Reader, content: str) -> None:
    assert read(content)[0] is None


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("Id,Category\n", 1, "no pair below it"),
        ("Id,Category\n1,0\n", 2, "the names of two photos.*double quotes.*: '1,0'"),
        ("Id,Category\na b,0\nc,1\n", 3, "the names of two photos.*: 'c,1'"),
        ("Id,Category\na b c,0\n", 2, "the names of two photos"),
        ("Id,Category\na.jpg b.jpg c.jpg,0\n", 2, "the names of two photos"),
        ("Id,Category\na.jpg my cat,0\n", 2, "the names of two photos"),
        ("Id,Category\n ,0\n", 2, "the names of two photos"),
        ("Id,Category\n,0\n", 2, "the names of two photos"),
        ('Id,Category\n"""a b",0\n', 2, "quote"),
        ('Id,Category\n"""a""x b",0\n', 2, "the names of two photos"),
        ('Id,Category\n"a\nb",0\n', 2, "the names of two photos"),
        ("Id,Category\na b,0\n\n# x\nc d,1,2\n", 5, "3 fields, where this list has 2"),
        ("Id,Category\na b\n", 2, "1 field, where this list has 2"),
        ("Id,Category\na b,0.5\nc d,maybe\n", 3, "'maybe' is neither a label nor a score: 'c d,maybe'"),
        ("Id,Category\na b,0.5\nc d,nan\n", 3, "'nan' is neither"),
        ("Id,Category\na b,inf\n", 2, "'inf' is neither"),
        ('Id,Category\n"a b,0\n', 2, "never closed"),
    ],
)
def test_broken_lists_name_the_line(read: Reader, content: str, line: int, message: str) -> None:
    with pytest.raises(PairListError, match=message) as caught:
        read(content)
    assert caught.value.line == line
    assert f"list.csv, line {line}: " in str(caught.value)


SCORES = np.array([0.1234565, -0.5, np.nan, -np.inf, 1, -1, -1e-9, 2 / 3])
VALUES = ["0.123457", "-0.500000", "-1", "-1", "1.000000", "-1.000000", "0.000000", "0.666667"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("columns", KAGGLE_COLUMNS)
def test_rows_to_hand_in(columns: tuple[str, str], dtype: type) -> None:
    left, right = [f"v/{i:03d}.jpg" for i in range(8)], [f"v/{i:03d}.jpg" for i in range(100, 108)]
    table = kaggle_rows(left, right, SCORES.astype(dtype), columns)
    assert list(table.columns) == list(columns)
    assert table[columns[1]].tolist()[1:] == VALUES[1:]
    assert float(table[columns[1]][0]) == pytest.approx(0.1234565, abs=6e-7)
    buffer = io.StringIO()
    table.to_csv(buffer, index=False)
    lines = buffer.getvalue().splitlines()
    assert lines[0] == ",".join(columns)
    assert lines[2:4] == ["v/001.jpg v/101.jpg,-0.500000", "v/002.jpg v/102.jpg,-1"]
    assert kaggle_rows(pd.Series(left), pd.Series(right, index=range(5, 13)), SCORES.astype(dtype), columns).equals(
        table
    )


def test_ids_go_back_as_they_came(read: Reader) -> None:
    content = 'ID,Label\na.jpg b.jpg,0.100000\nmy cat.jpg c.jpg,0.200000\n"""x y"" z",-1\nd.jpg\te.jpg,0.400000\n'
    _, table = read(content)
    scores = np.array([0.1, 0.2, np.nan, 0.4])
    back = kaggle_rows(table["left"], table["right"], scores, ("ID", "Label"), table["ID"])
    assert back.to_csv(index=False, lineterminator="\n") == content


def test_names_with_spaces_and_quotes_can_be_read_back(read: Reader) -> None:
    left, right = ["my cat", 'say "x"', "a,b", "\u4eba"], ["your dog", "y", "c\td", "a b.jpg"]
    table = kaggle_rows(left, right, np.arange(4) / 8)
    assert table["Id"].tolist()[:2] == ['"my cat" "your dog"', '"say ""x""" y']
    _, again = read(table.to_csv(index=False))
    assert again["left"].tolist() == left
    assert again["right"].tolist() == ["your dog", "y", "c d", "a b.jpg"]  # a tab within an id counts as a space
    assert again["Id"].tolist() == table["Id"].tolist()


def test_wrong_use() -> None:
    with pytest.raises(ValueError, match="one for each"):
        kaggle_rows(["a"], ["b", "c"], np.zeros(1))
    with pytest.raises(ValueError, match="one for each"):
        kaggle_rows(["a"], ["b"], np.zeros(1), ids=["x", "y"])
    with pytest.raises(ValueError, match="both called 'x'"):
        kaggle_rows(["a"], ["b"], np.zeros(1), ("x", "x"))
    with pytest.raises(ValueError, match="infinite"):
        kaggle_rows(["a"], ["b"], np.array([np.inf]))
    assert kaggle_rows([], [], np.zeros(0)).to_csv(index=False) == "Id,Category\n"


HEADERS = st.sampled_from(["Id,Category\n", "id;match\n", "ID\tLabel\n", "Id\n", ""])
TEXT = st.text(alphabet='ab.jpg01,;\t\n\r "#-\u00e9\u2028\x0b', max_size=50)


@settings(max_examples=200, deadline=None, database=None)
@given(HEADERS, TEXT, st.sampled_from([5, 1 << 20]))
def test_any_text_gives_a_table_or_a_pair_list_error(read: Reader, header: str, text: str, size: int) -> None:
    try:
        found, table = read(header + text, size)
    except PairListError:
        return
    if found is not None:
        assert not table[["left", "right"]].isna().any(axis=None)
        assert (table[["left", "right"]] != "").all(axis=None)


NAMES = st.text(alphabet='ab.jpg01,;\t "#-\u00e9', min_size=1, max_size=8).filter(
    lambda name: name.strip(" \t") == name
)


@settings(max_examples=80, deadline=None, database=None)
@given(st.lists(st.tuples(NAMES, NAMES, st.floats(-1, 1)), min_size=1, max_size=6))
def test_what_is_written_can_be_read(read: Reader, pairs: list[tuple[str, str, float]]) -> None:
    left, right, scores = zip(*pairs, strict=True)
    _, table = read(kaggle_rows(left, right, np.array(scores)).to_csv(index=False))
    assert table["left"].tolist() == [name.replace("\t", " ") for name in left]
    assert table["right"].tolist() == [name.replace("\t", " ") for name in right]
