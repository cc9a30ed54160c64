"""Lists of templates: who belongs to which, and which are compared."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecore.errors import PairListError
from facecore.verification import listtext, template_list
from facecore.verification.template_list import TemplateMembers, read_template_pairs, read_templates

IJB = "1.jpg 1 69544\n2.jpg 1 69544\n3.jpg 11065 9\n4.jpg 7 10\n5.jpg 1 9\n"
METADATA = """TEMPLATE_ID,SUBJECT_ID,FILENAME,SIGHTING_ID,FACE_X,FACE_Y
1,20,img/1.jpg,69544,1,2
1,20,frames/2.png,69544,3,4
11065,20,img/3.jpg,9,5,6
7,30,img/4.jpg,10,7,8
"""

MemberReader = Callable[..., TemplateMembers]
PairReader = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


@pytest.fixture(scope="module")
def members(folder: Path) -> MemberReader:
    """Write a list of members and read it."""

    def read(content: str | bytes) -> TemplateMembers:
        path = folder / "members.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_templates(path)

    return read


@pytest.fixture(scope="module")
def pairs(folder: Path) -> PairReader:
    """Write a list of pairs and read it."""

    def read(content: str | bytes, of: TemplateMembers) -> pd.DataFrame:
        path = folder / "pairs.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_template_pairs(path, of)

    return read


@pytest.fixture(scope="module")
def ijb(members: MemberReader) -> TemplateMembers:
    return members(IJB)


def test_members_as_ijb_lists_are_passed_on(ijb: TemplateMembers) -> None:
    assert ijb.ids.tolist() == ["1", "11065", "7"]
    assert ijb.template.tolist() == [0, 0, 1, 2, 0]
    assert ijb.template.dtype == np.int32
    assert ijb.image.tolist() == ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"]
    assert ijb.media is not None
    assert ijb.media.tolist() == [0, 0, 1, 2, 1]
    assert ijb.subject is None


def test_members_as_ijb_metadata(members: MemberReader) -> None:
    found = members(METADATA)
    assert found.ids.tolist() == ["1", "11065", "7"]
    assert found.image.tolist() == ["img/1.jpg", "frames/2.png", "img/3.jpg", "img/4.jpg"]
    assert found.media is not None
    assert found.media.tolist() == [0, 0, 1, 2]
    assert found.subject is not None
    assert found.subject.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("content", "ids", "images", "media"),
    [
        (
            "anna,anna/1.jpg\nberta,b.jpg\nanna,anna/2.jpg\n",
            ["anna", "berta"],
            ["anna/1.jpg", "b.jpg", "anna/2.jpg"],
            None,
        ),
        ("t1 a.jpg\nt2 b.jpg\nt1 c.jpg\n", ["t1", "t2"], ["a.jpg", "b.jpg", "c.jpg"], None),
        ("a.jpg t1\nb.jpg t2\nc.jpg t1\n", ["t1", "t2"], ["a.jpg", "b.jpg", "c.jpg"], None),
        ("1 7\n2 8\n1 9\n", ["1", "2"], ["7", "8", "9"], None),
        ("t1;my cat.jpg;v\nt2;b.jpg;w\nt1;c.jpg;v\n", ["t1", "t2"], ["my cat.jpg", "b.jpg", "c.jpg"], [0, 1, 0]),
        ("template,image,media\nx,a.jpg,\ny,b.jpg,\nx,c.jpg,m\n", ["x", "y"], ["a.jpg", "b.jpg", "c.jpg"], [0, 1, 2]),
        ("name tid mid\na.jpg x 1\nb.jpg y 2\nc.jpg x 1\n", ["x", "y"], ["a.jpg", "b.jpg", "c.jpg"], [0, 1, 0]),
        ('# list\n"t 1" "a b.jpg"\n\nt2 b.jpg\n"t 1" c.jpg\n', ["t 1", "t2"], ["a b.jpg", "b.jpg", "c.jpg"], None),
    ],
)
def test_forms_of_members(
    members: MemberReader, content: str, ids: list[str], images: list[str], media: list[int] | None
) -> None:
    for encoding, end in (("utf-8", "\n"), ("utf-16", "\r\n"), ("utf-8-sig", "\r")):
        found = members(content.replace("\n", end).encode(encoding))
        assert found.ids.tolist() == ids
        assert found.template.tolist() == [0, 1, 0]
        assert found.image.tolist() == images
        assert (None if found.media is None else found.media.tolist()) == media


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("", 1, "empty"),
        ("a.jpg\n", 1, "a line must hold a template's id, a photo and perhaps"),
        ("a b c d\n", 1, "a line must hold a template's id, a photo and perhaps"),
        ("template,image\n", 1, "a header and no member"),
        ("1.jpg 1 5\n2.jpg 1\n", 2, "2 fields, where this list has 3"),
        ("template,image\nx,\n", 2, "a photo's name is empty"),
        ("template,image\nx,a.jpg\n ,b.jpg\n", 3, "the template's id is empty"),
        ("template,image\nx,a.jpg,b\n", 2, "3 fields, where this list has 2"),
        ("template,subject,image\nx,1,a.jpg\n\ny,1,b.jpg\nx,2,c.jpg\n", 5, "template 'x' had another subject before"),
        ("template,subject,image\nx,,a.jpg\n", 2, "the subject's id is empty"),
        ('template,image\n"x\ny",a.jpg\n', 2, "an id goes on in the next line"),
        ('template,image\nx,"a\nb.jpg"\n', 2, "a name goes on in the next line"),
        ('template,image\nx,"a.jpg\n', 2, "never closed"),
        (b"t a.jpg\nt \0.jpg\n", 2, "not a text file"),
    ],
)
def test_broken_members_name_the_line(members: MemberReader, content: str | bytes, line: int, message: str) -> None:
    with pytest.raises(PairListError, match=message) as caught:
        members(content)
    assert caught.value.line == line
    assert f"members.txt, line {line}: " in str(caught.value)


PAIRS = [["1", "11065", True], ["7", "1", False], ["1", "1", True]]


@pytest.mark.parametrize(
    "content",
    [
        "1 11065 1\n7 1 0\n1 1 1\n",
        "1  11065\t1\n 7 1 0\n1 1   1 \n",
        "1,11065,1\n7,1,0\n1,1,1\n",
        "1, 11065, TRUE\n7, 1, False\n1 ,1 ,true\n",
        "1\t11065\tsame\n7\t1\tdifferent\n1\t1\tsame\n",
        '"1" 11065 1\n7 "1" 0\n1 1 1\n',
        "# pairs\n1 11065 1\n\n7 1 0\n#1 7 1\n1 1 1",
        "ENROLL_TEMPLATE_ID,VERIF_TEMPLATE_ID,LABEL\n1,11065,1\n7,1,0\n1,1,1\n",
        "label;template_2;note;template_1\n1;11065;x;1\n0;1;;7\n1;1;;1\n",
        "left right same\n1 11065 1\n7 1 0\n1 1 1\n",
    ],
)
@pytest.mark.parametrize("block", [3, 4 << 20])
def test_forms_of_pairs(
    pairs: PairReader, ijb: TemplateMembers, content: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listtext.ListText.blocks, "__defaults__", (block,))
    for encoding, end in (("utf-8", "\n"), ("utf-16", "\r\n"), ("utf-8-sig", "\r")):
        table = pairs(content.replace("\n", end).encode(encoding), ijb)
        assert table.to_numpy(dtype=object).tolist() == PAIRS
        assert list(table.columns) == ["left", "right", "label"]
        assert table["label"].dtype == "boolean"
        assert table["left"].cat.categories.equals(ijb.ids)
        assert table["right"].cat.codes.tolist() == [1, 0, 0]


def test_labels_come_from_the_subjects_where_the_pairs_have_none(
    pairs: PairReader, members: MemberReader, ijb: TemplateMembers
) -> None:
    content = "ENROLL_TEMPLATE_ID,VERIF_TEMPLATE_ID\n1,11065\n7,1\n"
    assert list(pairs(content, ijb).columns) == ["left", "right"]
    assert pairs(content, members(METADATA))["label"].tolist() == [True, False]
    assert pairs("1 11065 0\n", members(METADATA))["label"].tolist() == [False]


def test_ids_decide_the_separator(pairs: PairReader, members: MemberReader) -> None:
    found = members("x,1;a.jpg\ny 2;b.jpg\n")
    assert pairs("x,1 x,1\n", found)["left"].tolist() == ["x,1"]
    assert pairs("y 2,y 2\n", found)["left"].tolist() == ["y 2"]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("", 1, "empty"),
        ("1\n", 1, "the ids of two templates and perhaps a label"),
        ("1 7 1 1\n", 1, "the ids of two templates and perhaps a label"),
        ("left,right\n", 1, "a header and no pair"),
        ("1 8 1\n", 1, "no template has the id '8': '1 8 1'"),
        ("1 7 1\n# x\n\n01 7 1\n", 4, "no template has the id '01'"),
        ("1 7 1\n1 11065\n", 2, "2 fields, where this list has 3"),
        ("1 7\n1 7 1\n", 2, "3 fields, where this list has 2"),
        ("1 7 1\n7 1 2\n", 2, "'2' is not a label"),
        ("1,7,1\n7,1,\n", 2, "'' is not a label"),
        ("1,7,1\n7,,1\n", 2, "no template has the id ''"),
        ("1 7 -1\n", 1, "'-1' is not a label"),
        ("enroll,verif\n1,7\n", 1, "no template has the id 'enroll'"),
        ('1 7\n"1 7\n', 2, "never closed"),
        (b"1 7\n1 \0\n", 2, "not a text file"),
    ],
)
def test_broken_pairs_name_the_line(
    pairs: PairReader, ijb: TemplateMembers, content: str | bytes, line: int, message: str
) -> None:
    with pytest.raises(PairListError, match=message) as caught:
        pairs(content, ijb)
    assert caught.value.line == line
    assert f"pairs.txt, line {line}: " in str(caught.value)


def test_files_that_are_missing(folder: Path, ijb: TemplateMembers) -> None:
    with pytest.raises(PairListError, match="there is no such file"):
        read_templates(folder / "missing.txt")
    with pytest.raises(PairListError, match="there is no such file"):
        read_template_pairs(folder / "missing.txt", ijb)


def test_plain_lines_take_the_fast_way(
    pairs: PairReader, ijb: TemplateMembers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_list, "_read_slowly", lambda *_: pytest.fail("a line was looked at in Python"))
    for content in ("1 7 1\n7 1 0\n", "left,right,label\n1, 7,1\n7,1,false\n", "# x\n\n1\t7\n7\t1\n"):
        assert pairs(content, ijb)["left"].tolist() == ["1", "7"]


def test_many_pairs_in_several_blocks(
    pairs: PairReader, members: MemberReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    found = members("".join(f"{i}.jpg {i % 500 * 3} {i}\n" for i in range(2000)))
    left, right = rng.integers(0, 500, (2, 20_000)).tolist()
    same = rng.integers(0, 2, 20_000).tolist()
    lines = [f"{a * 3} {b * 3} {c}\n" for a, b, c in zip(left, right, same, strict=True)]
    monkeypatch.setattr(listtext.ListText.blocks, "__defaults__", (30_000,))
    table = pairs("".join(lines), found)
    assert table["left"].cat.codes.tolist() == left
    assert table["right"].cat.codes.tolist() == right
    assert table["label"].tolist() == [value == 1 for value in same]
    lines[17_000] = "3 1 1\n"
    with pytest.raises(PairListError, match="line 17001: no template has the id '1'"):
        pairs("".join(lines), found)


@pytest.mark.data
def test_templates_made_from_lfw(shared_data: Path, pairs: PairReader, members: MemberReader) -> None:
    photos = sorted((shared_data / "lfw_fold1").glob("*/*.jpg"))
    names = [photo.parent.name for photo in photos]
    found = members("".join(f"{p.parent.name},{p.parent.name}/{p.name}\n" for p in photos))
    assert found.ids.tolist() == sorted(set(names), key=names.index)
    assert [found.ids[place] for place in found.template] == names
    assert all((shared_data / "lfw_fold1" / name).is_file() for name in found.image)
    table = pairs("".join(f"{a},{b}\n" for a, b in zip(names, names[::-1], strict=True)), found)
    assert table["left"].tolist() == names


ALPHABET = 'ab1,;\t\n\r "#.\u00e9\u2028\x0b'


@settings(max_examples=200, deadline=None, database=None)
@given(
    st.sampled_from(["template,image,media\n", "tid name subject\n", "1.jpg 1 2\n", ""]), st.text(ALPHABET, max_size=40)
)
def test_any_text_gives_members_or_a_pair_list_error(members: MemberReader, header: str, text: str) -> None:
    try:
        found = members(header + text)
    except PairListError:
        return
    assert len(found.template) == len(found.image) > 0
    assert len(set(found.ids)) == len(found.ids) == found.template.max() + 1
    assert "" not in found.image.tolist()


LINES = st.lists(
    st.sampled_from(["a", "b", "1", "a.1", "0", " ", "\t", ",", ";", "\n", "\n", '"', "#", "x", "\u2028"]), max_size=30
)


@settings(max_examples=150, deadline=None, database=None)
@given(st.sampled_from(["left,right\n", "left right label\n", ""]), LINES.map("".join))
def test_the_fast_way_reads_what_the_slow_one_reads(
    pairs: PairReader, members: MemberReader, header: str, text: str
) -> None:
    of = members("a,1.jpg\nb,2.jpg\n1,3.jpg\na.1,4.jpg\n")

    def result() -> list[list[object]] | str:
        try:
            return pairs(header + text, of).to_numpy(dtype=object).tolist()
        except PairListError as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch:
        fast = result()
        patch.setattr(template_list, "_read_fast", lambda *_: None)
        assert result() == fast
