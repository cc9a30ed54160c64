"""Pair lists: every kind, every encoding, and everything that can be wrong with them."""

import codecs
import random
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from facecore.errors import PairListError
from facecore.verification.pairs import KINDS, PairList, lfw_candidates, read_pairs

LFW = "2\t2\nA_B\t1\t2\nA_B\t1\t3\nA_B\t1\tC\t2\nD\t12\tC\t2\nE\t1\t2\nE\t1\t3\nE\t1\tF\t2\nF\t1\tG\t10\n"
CSV = "id,Image_1,image 2,Is_Same,fold,note\n7,a.jpg,b.jpg,True,1, kept \n8,c.jpg,d.jpg,,2,\n"


Reader = Callable[..., PairList]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Write a list and read it."""

    def read(content: str | bytes, **options: object) -> PairList:
        path = tmp_path / "pairs.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_pairs(path, **options)

    return read


def rows(pairs: PairList) -> list[list[object]]:
    """The table as plain values, None for NA."""
    return [[None if pd.isna(value) else value for value in row] for row in pairs.table.itertuples(index=False)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a.jpg b.jpg\nc.jpg d.jpg\n", [["a.jpg", "b.jpg"], ["c.jpg", "d.jpg"]]),
        ("a.jpg    b.jpg\n  c.jpg \t d.jpg  ", [["a.jpg", "b.jpg"], ["c.jpg", "d.jpg"]]),
        ("a b.jpg\tc, d.jpg\n", [["a b.jpg", "c, d.jpg"]]),
        ("a b.jpg, c d.jpg\n", [["a b.jpg", "c d.jpg"]]),
        ("a b.jpg;c d.jpg\n", [["a b.jpg", "c d.jpg"]]),
        ("x,1.jpg y,2.jpg\nz.jpg w.jpg\n", [["x,1.jpg", "y,2.jpg"], ["z.jpg", "w.jpg"]]),
        ('"a b.jpg" "c, d.jpg"\ne.jpg f.jpg\n', [["a b.jpg", "c, d.jpg"], ["e.jpg", "f.jpg"]]),
        ('"a, b.jpg", "c d.jpg"\n', [["a, b.jpg", "c d.jpg"]]),
        ('"#a.jpg" "say ""x"".jpg"\n', [["#a.jpg", 'say "x".jpg']]),
        ("# list\n\na.jpg b.jpg\n   \n# end", [["a.jpg", "b.jpg"]]),
        ("a#1.jpg b.jpg\n", [["a#1.jpg", "b.jpg"]]),
        ("O'Hara.jpg D'Arcy.jpg\n", [["O'Hara.jpg", "D'Arcy.jpg"]]),
        ("dir\\a.jpg dir\\b.jpg\n", [["dir\\a.jpg", "dir\\b.jpg"]]),
        ("non\u00a0breaking.jpg \u4eba\u3000\u8138.jpg\n", [["non\u00a0breaking.jpg", "\u4eba\u3000\u8138.jpg"]]),
        (
            "verification_data/000.jpg verification_data/001.jpg\n",
            [["verification_data/000.jpg", "verification_data/001.jpg"]],
        ),
        ("1 2\n3 4\n", [["1", "2"], ["3", "4"]]),
        ("10 300.jpg\n7 8.jpg\n", [["10", "300.jpg"], ["7", "8.jpg"]]),
        ("10 300\n", [["10", "300"]]),
        ("a b\nc d\n", [["a", "b"], ["c", "d"]]),
        ("left.jpg right.jpg\n", [["left.jpg", "right.jpg"]]),
    ],
)
def test_plain_lists(read: Reader, content: str, expected: list[list[str]]) -> None:
    pairs = read(content)
    assert pairs.kind == "plain"
    assert list(pairs.table.columns) == ["left", "right"]
    assert rows(pairs) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a.jpg b.jpg 1\nc.jpg d.jpg 0\n", [["a.jpg", "b.jpg", True], ["c.jpg", "d.jpg", False]]),
        ("1,a.jpg,b.jpg\n0,c.jpg,d.jpg\n", [["a.jpg", "b.jpg", True], ["c.jpg", "d.jpg", False]]),
        ("a b.jpg\tc.jpg\tSAME\nd.jpg\te.jpg\tDifferent\n", [["a b.jpg", "c.jpg", True], ["d.jpg", "e.jpg", False]]),
        ("a.jpg, b.jpg, true\nc.jpg, d.jpg, False\n", [["a.jpg", "b.jpg", True], ["c.jpg", "d.jpg", False]]),
        ("a.jpg b.jpg yes\nc.jpg d.jpg no\n", [["a.jpg", "b.jpg", True], ["c.jpg", "d.jpg", False]]),
        ('"a b.jpg" c.jpg genuine\nd.jpg "e" impostor', [["a b.jpg", "c.jpg", True], ["d.jpg", "e", False]]),
        ("a.jpg b.jpg match\nc.jpg d.jpg nonmatch\n", [["a.jpg", "b.jpg", True], ["c.jpg", "d.jpg", False]]),
        ("a.jpg b.jpg\t1\nc.jpg d.jpg\t0\n", [["a.jpg", "b.jpg", True], ["c.jpg", "d.jpg", False]]),
        ("1 2 1\n3 4 0\n", [["1", "2", True], ["3", "4", False]]),
        ("v/000.jpg v/001.jpg 1\n", [["v/000.jpg", "v/001.jpg", True]]),
    ],
)
def test_labelled_lists(read: Reader, content: str, expected: list[list[object]]) -> None:
    pairs = read(content)
    assert pairs.kind == "labelled"
    assert list(pairs.table.columns) == ["left", "right", "label"]
    assert pairs.table["label"].dtype == "boolean"
    assert rows(pairs) == expected


def test_csv_with_header(read: Reader) -> None:
    pairs = read(CSV)
    assert pairs.kind == "csv"
    assert list(pairs.table.columns) == ["left", "right", "label", "fold", "id", "note"]
    assert rows(pairs) == [["a.jpg", "b.jpg", True, 1, "7", " kept "], ["c.jpg", "d.jpg", None, 2, "8", ""]]
    assert pairs.lines == 3


@pytest.mark.parametrize(
    "names", ["left,right", "image1,image2", "file1,file2", "img1,img2", "path1,path2", "a,b", "A,B"]
)
@pytest.mark.parametrize("label", ["label", "same", "match", "is_same"])
def test_csv_names(read: Reader, names: str, label: str) -> None:
    first, second = names.split(",")
    pairs = read(f"{label},{second},{first}\n0,y.jpg,x.jpg\n")
    assert rows(pairs) == [["x.jpg", "y.jpg", False]]


@pytest.mark.parametrize(
    ("content", "columns", "expected"),
    [
        ("left;right;label\na b.jpg;c.jpg;0\n", None, {"left": "a b.jpg", "right": "c.jpg", "label": False}),
        ("left\tright\na b.jpg\tc.jpg\n", None, {"left": "a b.jpg", "right": "c.jpg"}),
        ("left right label\na.jpg b.jpg 1.0\n", None, {"left": "a.jpg", "right": "b.jpg", "label": True}),
        ("Foto 1,Foto 2\na,b\n", ("Foto 1", "Foto 2"), {"left": "a", "right": "b"}),
        (
            "left,right,x,y\na,b,c,d\n",
            ("y", "x"),
            {"left": "d", "right": "c", "left_in_list": "a", "right_in_list": "b"},
        ),
        ("left,right,score\na,b,0.5\n", None, {"left": "a", "right": "b", "score_in_list": "0.5"}),
        ("left,right,label,same\na,b,1,0\n", None, {"left": "a", "right": "b", "label": True, "same": "0"}),
        ("left,right,fold\na,b,train\n", None, {"left": "a", "right": "b", "fold": "train"}),
        ("left,right,fold\na,b,01\n", None, {"left": "a", "right": "b", "fold": "01"}),
        ("left,right,,\na,b,,\n", None, {"left": "a", "right": "b"}),
        (",left,right\n0,a,b\n", None, {"left": "a", "right": "b", "column 1": "0"}),
        (
            'left,right,note\n"a, 1.jpg",b,"two\n\n# lines"\n',
            None,
            {"left": "a, 1.jpg", "right": "b", "note": "two\n\n# lines"},
        ),
        ("# made by hand\nleft,right\na,b\n", None, {"left": "a", "right": "b"}),
    ],
)
def test_csv_columns(read: Reader, content: str, columns: tuple[str, str] | None, expected: dict[str, object]) -> None:
    pairs = read(content, columns=columns)
    assert pairs.kind == "csv"
    assert pairs.table.to_dict("records") == [expected]


def test_lfw_view_2(read: Reader) -> None:
    pairs = read(LFW)
    assert pairs.kind == "lfw"
    assert rows(pairs)[:4] == [
        ["A_B/A_B_0001.jpg", "A_B/A_B_0002.jpg", True, 1],
        ["A_B/A_B_0001.jpg", "A_B/A_B_0003.jpg", True, 1],
        ["A_B/A_B_0001.jpg", "C/C_0002.jpg", False, 1],
        ["D/D_0012.jpg", "C/C_0002.jpg", False, 1],
    ]
    assert pairs.table["fold"].tolist() == [1] * 4 + [2] * 4
    assert pairs.table["label"].tolist() == [True, True, False, False] * 2
    assert rows(read(LFW.replace("\t", "  "))) == rows(pairs)


def test_lfw_view_1_has_no_folds(read: Reader) -> None:
    pairs = read(LFW.replace("2\t2\n", "4\n", 1))
    assert pairs.kind == "lfw"
    assert list(pairs.table.columns) == ["left", "right", "label"]
    assert len(pairs.table) == 8


def test_lfw_without_its_first_line_must_be_asked_for(read: Reader) -> None:
    content = "Bo 1 4\nAl 3 Bo 5\n"
    assert rows(read(content, kind="lfw")) == [
        ["Bo/Bo_0001.jpg", "Bo/Bo_0004.jpg", True],
        ["Al/Al_0003.jpg", "Bo/Bo_0005.jpg", False],
    ]
    with pytest.raises(PairListError, match="--list-kind lfw"):
        read(content)


def test_names_with_numbers_are_no_lfw_list(read: Reader) -> None:
    assert read("1 2\n2 3\n").kind == "plain"
    assert read("1 2\nA 1 2\nA 1 3\nA 1 B 2\nA 1 C 2\n").kind == "lfw"
    assert read("10 300\n", kind="plain").kind == "plain"


def test_lfw_photos_may_have_other_suffixes_or_lie_flat() -> None:
    found = lfw_candidates("A_B/A_B_0001.jpg")
    assert found[:4] == [f"A_B/A_B_0001{suffix}" for suffix in (".jpg", ".png", ".webp", ".jpeg")]
    assert found[4:] == [f"A_B_0001{suffix}" for suffix in (".jpg", ".png", ".webp", ".jpeg")]


ENCODED = "\u00e9t\u00e9.jpg \u4eba.jpg\nplain.jpg b.jpg\n"


@pytest.mark.parametrize(
    "data",
    [
        ENCODED.encode(),
        codecs.BOM_UTF8 + ENCODED.encode(),
        codecs.BOM_UTF16_LE + ENCODED.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + ENCODED.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + ENCODED.encode("utf-32-le"),
        ENCODED.replace("\n", "\r\n").encode(),
        ENCODED.replace("\n", "\r").encode(),
        codecs.BOM_UTF16_LE + ENCODED.replace("\n", "\r\n").encode("utf-16-le"),
    ],
)
def test_encodings_and_line_ends(read: Reader, data: bytes) -> None:
    pairs = read(data)
    assert rows(pairs) == [["\u00e9t\u00e9.jpg", "\u4eba.jpg"], ["plain.jpg", "b.jpg"]]
    assert pairs.lines == 2


@pytest.mark.parametrize("content", [LFW, CSV, "a.jpg b.jpg 1\nc.jpg d.jpg 0\n"])
def test_every_kind_in_every_encoding(read: Reader, content: str) -> None:
    expected = rows(read(content))
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        for end in ("\n", "\r\n", "\r"):
            assert rows(read(content.replace("\n", end).encode(encoding))) == expected


def test_bytes_that_are_no_utf8_are_read_as_windows_1252(read: Reader) -> None:
    assert rows(read("\u00e9t\u00e9.jpg b.jpg\n".encode("cp1252"))) == [["\u00e9t\u00e9.jpg", "b.jpg"]]


def problem(read: Reader, content: str | bytes, **options: object) -> PairListError:
    """The error that a list gives; its message must begin with the file and the line."""
    with pytest.raises(PairListError) as caught:
        read(content, **options)
    assert f"pairs.txt, line {caught.value.line}: " in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("", 1, "empty"),
        ("\n\n# nothing\n", 1, "empty"),
        ("a.jpg\nb.jpg\n", 1, "only one field"),
        ("# names\n\na.jpg\n", 3, "only one field"),
        ("a.jpg b.jpg\n\nc.jpg\n", 3, "1 field, where this list has 2 a line.*'c.jpg'"),
        ("a.jpg b.jpg\nc.jpg d e.jpg\n", 2, "3 fields.*'c.jpg d e.jpg'"),
        ("a.jpg b.jpg 1\nc.jpg d.jpg 2\n", 2, "'2' is not a label.*'c.jpg d.jpg 2'"),
        ("a.jpg b.jpg 1\n# x\nc.jpg d.jpg\n", 1, "3 fields, where this list has 2|where this list has 3"),
        ("a.jpg b.jpg 1\ne.jpg f.jpg 0\n# x\nc.jpg d.jpg\n", 4, "2 fields, where this list has 3"),
        ("a.jpg b.jpg -1\n", 1, "neither the third nor the first"),
        ("a.jpg,\nb.jpg,c.jpg\n", 1, "empty"),
        ('"a.jpg b.jpg\nc.jpg d.jpg\n', 1, "never closed"),
        ('a.jpg b.jpg\n"c.jpg d.jpg\n"e.jpg f.jpg\n', 2, "quote|field"),
        ('"a.jpg"x b.jpg\n"c.jpg" d.jpg\n', 1, "quote"),
        ("left,right\n", 1, "no pair"),
        ("left,right,x,x\na,b,c,d\n", 1, "two columns called 'x'"),
        ("left,right,label\na,b,1\nc,d,5\n", 3, "'5' is not a label"),
        ("left,right,label\na,b\n", 2, "2 fields, where this list has 3"),
        ("left,right\n,b\n", 2, "empty"),
        ("photo1,photo2,label\na.jpg,b.jpg,1\n", 1, "photo1, photo2, label.*--columns L R"),
        ("photo1,photo2\na.jpg,b.jpg\n", 1, "photo1, photo2.*--columns L R"),
        ("p,q,r,s\na,b,c,d\n", 1, "p, q, r, s.*--columns L R"),
        ("2 2\nA 1 2\nA 1 3\nA 1 B 2\n", 4, "ends after 3 pairs.*promises 8"),
        ("1 1\nA 1 2\nA 1 B 2\n\nA 1 C 2\n", 5, "promises 2 pairs.*one too many"),
        ("1 2\nA 1 2\nA 1 3\nA 1 4\nA 1 B 2\n", 4, "more than the 2 genuine pairs"),
        ("1 2\nA 1 2\nA one 3\n", 3, "needs `Name 1 4`"),
        ("a.jpg b.jpg\n" + "x" * 100_001 + " y\n", 2, "100,003 characters"),
        (b"a.jpg b.jpg\n\x89PNG\0\0\n", 2, "not a text file"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", 1, "not a text file"),
        (b"a b\n\xe9\x01\n", 2, "not a text file"),
        (b"a b\n\x81\n", 2, "not a text file"),
        (codecs.BOM_UTF8 + b"a b\nc \xe9\n", 2, "begins as UTF-8"),
        (codecs.BOM_UTF16_LE + "a b\n".encode("utf-16-le") + b"x", 2, "begins as UTF-16"),
    ],
)
def test_broken_lists_name_the_line(read: Reader, content: str | bytes, line: int, message: str) -> None:
    error = problem(read, content)
    assert error.line == line
    assert re.search(message, str(error))


def test_a_kind_that_is_asked_for_is_held_to(read: Reader) -> None:
    assert problem(read, "a.jpg b.jpg 1\n", kind="plain").line == 1
    assert problem(read, "a.jpg b.jpg\n", kind="labelled").line == 1
    assert "its columns are: a.jpg, b.jpg" in str(problem(read, "a.jpg b.jpg\n", kind="csv"))
    assert problem(read, "a.jpg b.jpg\n", kind="lfw").line == 1
    assert problem(read, "300\n", kind="lfw").line == 1
    assert problem(read, "0 0\n", kind="lfw").line == 1
    assert "no columns 'L' and 'R'" in str(problem(read, "left,right\na,b\n", columns=("L", "R")))
    assert rows(read("left right\na.jpg b.jpg\n", kind="plain")) == [["left", "right"], ["a.jpg", "b.jpg"]]
    assert rows(read("photo1,photo2\na.jpg,b.jpg\n", kind="plain")) == [["photo1", "photo2"], ["a.jpg", "b.jpg"]]
    with pytest.raises(PairListError, match="columns are chosen in a CSV"):
        read("a.jpg b.jpg\n", kind="plain", columns=("a", "b"))
    with pytest.raises(ValueError, match="plain, labelled, csv, lfw"):
        read("a.jpg b.jpg\n", kind="xml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PairListError, match="folder") as caught:
        read_pairs(tmp_path)
    assert caught.value.line is None
    with pytest.raises(PairListError, match=r"missing\.txt: there is no such file"):
        read_pairs(tmp_path / "missing.txt")
    for name in ("nul\0.txt", "x" * 5000):
        with pytest.raises(PairListError, match="cannot be read"):
            read_pairs(name)


@pytest.mark.parametrize("content", [LFW, CSV, 'a.jpg "b c.jpg" 1\nc.jpg d.jpg 0\n', "a,b\tc\n\u00e9 f\tg\n"])
def test_random_bytes_give_a_table_or_a_pair_list_error(read: Reader, content: str) -> None:
    rng = random.Random(0)
    refused = 0
    for encoding in ("utf-8", "utf-16", "cp1252"):
        original = content.encode(encoding)
        for _ in range(80):
            data = bytearray(original)
            for _ in range(rng.randint(1, 4)):
                place = rng.randrange(len(data))
                new = rng.choice(
                    [rng.randbytes(1), rng.choice([b"\n", b"\r", b'"', b",", b"\t", b" ", b"#", b"\0", b"1"]), b""]
                )
                data[place : place + rng.randint(0, 3)] = new
            kind = rng.choice([None, None, *KINDS])
            try:
                pairs = read(bytes(data), kind=kind)
            except PairListError:
                refused += 1
                continue
            assert len(pairs.table) > 0
            assert list(pairs.table.columns)[:2] == ["left", "right"]
            assert pairs.table["left"].map(len).min() > 0
            assert not pairs.table["left"].str.contains("\0", regex=False).any()
    assert 0 < refused < 240


def test_many_lines_beyond_one_chunk_keep_their_numbers(read: Reader) -> None:
    lines = [f"a{i}.jpg b{i}.jpg {i % 2}" for i in range(5000)]
    table = read("\n".join(lines)).table
    assert table["left"].tolist() == [f"a{i}.jpg" for i in range(5000)]
    assert table["label"].tolist() == [bool(i % 2) for i in range(5000)]
    lines[4321] = "a.jpg b.jpg"
    assert problem(read, "\n".join(lines)).line == 4322
    lines[4321] = '"a b.jpg" c.jpg maybe'
    assert problem(read, "\n".join(lines)).line == 4322


@pytest.mark.data
def test_first_fold_of_lfw(shared_data: Path) -> None:
    pairs = read_pairs(shared_data / "lfw_fold1" / "pairs.txt")
    assert pairs.kind == "lfw"
    assert len(pairs.table) == 600
    assert pairs.lines == 601
    assert pairs.table["label"].sum() == 300
    assert pairs.table["fold"].unique().tolist() == [1]
    for name in [*pairs.table["left"], *pairs.table["right"]]:
        assert (shared_data / "lfw_fold1" / name).is_file()
