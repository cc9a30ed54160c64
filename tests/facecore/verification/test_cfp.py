"""The protocol folder of CFP: read as published, and broken in every way."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecore.errors import PairListError
from facecore.verification.cfp import cfp_candidates, cfp_root, read_cfp

FRONTAL, PROFILE = 10, 4
PEOPLE = 20


def image(kind: str, number: int) -> str:
    """The photo with this number, counted over all people."""
    each = FRONTAL if kind == "frontal" else PROFILE
    return f"Data/Images/{(number - 1) // each + 1:03d}/{kind}/{(number - 1) % each + 1:02d}.jpg"


def write_protocol(folder: Path) -> Path:
    """A small protocol of the published form: 20 people, two to a fold; a fold has 3 genuine and 3 impostor pairs."""
    for name, kind, each in (("F", "frontal", FRONTAL), ("P", "profile", PROFILE)):
        lines = [f"{number} ../{image(kind, number)}\n" for number in range(1, PEOPLE * each + 1)]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"Pair_list_{name}.txt").write_text("".join(lines))
    for protocol, each in (("FF", FRONTAL), ("FP", PROFILE)):
        for fold in range(1, 11):
            place = folder / "Split" / protocol / f"{fold:02d}"
            place.mkdir(parents=True)
            (place.parent / ".DS_Store").write_bytes(b"\0\1")
            left, right = 2 * (fold - 1) * FRONTAL, 2 * (fold - 1) * each
            same = [(left + 1, right + 2), (left + 3, right + 4), (left + FRONTAL + 1, right + each + 2)]
            diff = [(left + 1, right + each + 1), (left + 2, right + each + 2), (left + 3, right + each + 3)]
            for name, pairs in (("same.txt", same), ("diff.txt", diff)):
                (place / name).write_text("".join(f"{a},{b}\n" for a, b in pairs))
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_protocol(tmp_path_factory.mktemp("cfp") / "cfp-dataset" / "Protocol")


@pytest.fixture
def protocol(published: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(published, tmp_path / "cfp-dataset" / "Protocol"))


def test_frontal_with_profile(published: Path) -> None:
    table = read_cfp(published, "FP")
    assert list(table.columns) == ["left", "right", "label", "fold"]
    assert table["label"].dtype == "boolean"
    assert table["fold"].tolist() == [fold for fold in range(1, 11) for _ in range(6)]
    assert table["label"].tolist() == [True, True, True, False, False, False] * 10
    assert table.iloc[0].tolist() == ["Data/Images/001/frontal/01.jpg", "Data/Images/001/profile/02.jpg", True, 1]
    assert table.iloc[9].tolist() == ["Data/Images/003/frontal/01.jpg", "Data/Images/004/profile/01.jpg", False, 2]
    people = table["left"].str.slice(0, 15) == table["right"].str.slice(0, 15)
    assert (people == table["label"]).all()


def test_frontal_with_frontal_needs_no_profiles(protocol: Path) -> None:
    (protocol / "Pair_list_P.txt").unlink()
    table = read_cfp(protocol, "FF")
    assert len(table) == 60
    assert table.iloc[0].tolist() == ["Data/Images/001/frontal/01.jpg", "Data/Images/001/frontal/02.jpg", True, 1]
    assert table["right"].str.contains("/frontal/").all()


def test_the_folder_above_will_do(published: Path) -> None:
    assert read_cfp(published.parent, "FP").equals(read_cfp(published, "FP"))
    assert cfp_root(published) == cfp_root(published.parent) == published.parent


def test_where_photos_may_lie() -> None:
    assert cfp_candidates("Data/Images/001/frontal/01.jpg") == [
        "Data/Images/001/frontal/01.jpg",
        "Images/001/frontal/01.jpg",
        "001/frontal/01.jpg",
    ]
    assert cfp_candidates("crops/001.jpg") == ["crops/001.jpg"]
    assert cfp_candidates("Data") == ["Data"]


def test_names_are_relative_to_the_folder_above(protocol: Path) -> None:
    path = protocol / "Pair_list_P.txt"
    text = path.read_text().replace("../Data/Images/001/profile/02.jpg", "..\\Data\\Images\\001\\x/../side view.png ")
    path.write_text(text.replace("../Data/Images/001/profile/04.jpg", "own/4.jpg"))
    assert read_cfp(protocol, "FP")["right"][:2].tolist() == ["Data/Images/001/side view.png", "Protocol/own/4.jpg"]


def test_a_pair_may_stand_there_the_other_way_round(protocol: Path) -> None:
    path = protocol / "Split/FF/01/same.txt"
    path.write_text(path.read_text() + "2,1\n")
    table = read_cfp(protocol, "FF")
    assert len(table) == 61
    assert table.iloc[3, :2].tolist() == table.iloc[0, 1::-1].tolist()


def append(line: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(path.read_text() + line)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("Pair_list_P.txt", Path.unlink, "there is no such file"),
        ("Pair_list_P.txt", lambda path: path.write_text("\n"), "line 1: .*empty"),
        ("Pair_list_P.txt", append("x ../a.jpg\n"), "line 81: a number and a photo's name are needed: 'x ../a.jpg'"),
        ("Pair_list_P.txt", append("81\n"), "line 81: a number and a photo"),
        ("Pair_list_P.txt", append("-1 a.jpg\n"), "line 81: a number and a photo"),
        ("Pair_list_P.txt", append("\u0662 a.jpg\n"), "line 81: a number and a photo"),
        ("Pair_list_P.txt", append("80 ../a.jpg\n"), "line 81: the number 80 was given to another photo already"),
        ("Pair_list_P.txt", append("81 ../Data/Images/001/profile/01.jpg\n"), "line 81: the photo was listed already"),
        ("Pair_list_P.txt", append("81 ../../a.jpg\n"), "line 81: the photo lies outside"),
        ("Pair_list_P.txt", append("81 /etc/a.jpg\n"), "line 81: the photo lies outside"),
        ("Pair_list_P.txt", append("81 ..\n"), "line 81: the photo lies outside"),
        ("Split/FP/10/diff.txt", Path.unlink, r"10.diff\.txt: there is no such file"),
        ("Split/FP/03/same.txt", Path.unlink, r"03.same\.txt: there is no such file"),
        ("Split/FP/03", shutil.rmtree, r"03.same\.txt: there is no such file"),
        ("Split/FP/02/diff.txt", lambda path: path.write_text(""), "line 1: .*empty"),
        ("Split/FP/02/diff.txt", append("1 2\n"), "line 4: two numbers are needed, parted by a comma: '1 2'"),
        ("Split/FP/02/diff.txt", append("1,2,3\n"), "line 4: two numbers are needed"),
        ("Split/FP/02/diff.txt", append("1.5,2\n"), "line 4: two numbers are needed"),
        ("Split/FP/02/diff.txt", append("1,\n"), "line 4: two numbers are needed"),
        ("Split/FP/02/diff.txt", append("0,5\n"), r"line 4: Pair_list_F\.txt has no photo with the number 0"),
        ("Split/FP/02/diff.txt", append("201,5\n"), r"line 4: Pair_list_F\.txt has no photo with the number 201"),
        ("Split/FP/02/diff.txt", append("200,81\n"), r"line 4: Pair_list_P\.txt has no photo with the number 81"),
        ("Split/FP/02/diff.txt", append("21,13\n"), "line 4: the pair stands in this protocol already: '21,13'"),
        ("Split/FP/02/diff.txt", append("1,2\n"), "line 4: the pair stands in this protocol already"),
        ("Split/FP/02/diff.txt", lambda path: path.write_bytes(b"1,\0\n"), "line 1: this is not a text file"),
    ],
)
def test_broken_protocols_name_file_and_line(
    protocol: Path, name: str, damage: Callable[[Path], object], message: str
) -> None:
    damage(protocol / name)
    with pytest.raises(PairListError, match=message) as caught:
        read_cfp(protocol, "FP")
    assert Path(name).name in str(caught.value)
    assert (caught.value.line is not None) == (", line " in str(caught.value))
    assert len(read_cfp(protocol, "FF")) == 60


@pytest.mark.parametrize(
    ("line", "message"),
    [("5,5\n", "a photo with itself"), ("2,1\n", "already, with the other label"), ("1,2\n", "already: ")],
)
def test_pairs_of_one_list(protocol: Path, line: str, message: str) -> None:
    append(line)(protocol / "Split/FF/09/diff.txt")
    with pytest.raises(PairListError, match=f"line 4: .*{message}"):
        read_cfp(protocol, "FF")


def test_not_a_protocol(tmp_path: Path, published: Path) -> None:
    for place in (tmp_path, tmp_path / "missing", published / "Pair_list_F.txt"):
        with pytest.raises(PairListError, match="no CFP protocol here"):
            read_cfp(place, "FF")
    with pytest.raises(ValueError, match="use FF or FP"):
        read_cfp(published, "ff")


@settings(max_examples=100, deadline=None, database=None)
@given(st.text(alphabet='123456789,, \t\n"#../a\u00e9', max_size=40), st.sampled_from(["Pair_list_P.txt", "same.txt"]))
def test_any_text_gives_a_table_or_a_pair_list_error(published: Path, text: str, name: str) -> None:
    path = published / (name if name.startswith("P") else f"Split/FP/01/{name}")
    before = path.read_bytes()
    try:
        path.write_text(text, encoding="utf-8")
        table = read_cfp(published, "FP")
        assert not table.isna().any(axis=None)
    except PairListError:
        return
    finally:
        path.write_bytes(before)
