import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from facecore import image
from facecore.data.folder import scan_folder
from facecore.data.layout import find_layout
from facecore.prepare.__main__ import main
from facecore.prepare.pairs import draw_pairs
from facecore.prepare.select import Shares
from facecore.verification.pairs import read_pairs

PHOTOS = {"p1": 9, "p2": 12, "p3": 9, "few": 4, "v1": 5, "v2": 6, "v3": 7, "v4": 2, "v5": 1}


def write_shards(folder: Path, crops: list[np.ndarray], **columns: object) -> Path:
    """Two shards: people p1 to p3 and few in split train, v1 to v5 in split val, and some faces of nobody."""
    rows = [(name, "val" if name[0] == "v" else "train") for name, count in PHOTOS.items() for _ in range(count)]
    rows += [("", "train")] * 3 + [(None, "train")]
    random = np.random.default_rng(1)
    order = random.permutation(len(rows))
    table = pd.DataFrame(
        {
            "id": np.arange(len(rows)) * 7,
            "image": [stored(crops[i % 2], i, "PNG" if i == 5 else "WEBP") for i in range(len(rows))],
            "person": [rows[i][0] for i in order],
            "split": [rows[i][1] for i in order],
            "source": [("a", "b")[i % 2] for i in range(len(rows))],
            "licence": ["cc0", None][0],
        }
    ).assign(**columns)
    folder.mkdir(parents=True)
    for shard, half in enumerate((table[: len(table) // 2], table[len(table) // 2 :])):
        pq.write_table(pa.Table.from_pandas(half, preserve_index=False), folder / f"faces-{shard:02d}-of-02.parquet")
    return folder


def stored(crop: np.ndarray, number: int, format: str) -> bytes:
    """A small picture that is like no other."""
    picture = crop[::4, ::4].copy()
    picture[0, 0] = (number, 255 - number, 7)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, format, lossless=True)
    return out.getvalue()


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> Path:
    return write_shards(tmp_path_factory.mktemp("unpack") / "shards", [astronaut[:112, :112], astronaut[112:224, :112]])


def unpack(shards: Path, out: Path, *flags: str) -> int:
    return main([str(shards), str(out), "--unpack", *flags])


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def table(shards: Path) -> pd.DataFrame:
    rows = pd.concat(pd.read_parquet(path) for path in sorted(shards.glob("*.parquet")))
    return rows.set_index(rows["id"].astype(str))


def test_writes_what_training_takes(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert unpack(shards, out, "--people", "3") == 0
    layout = find_layout(out)
    assert layout.images == out
    assert [path.name for path in layout.lists] == ["verification_pairs_test.txt", "verification_pairs_val.txt"]
    train = scan_folder(layout.train)
    assert train.classes == ("p1", "p2", "p3")
    assert layout.val is not None
    assert layout.test is not None
    assert [len(train), *(len(scan_folder(part, train.classes)) for part in (layout.val, layout.test))] == [22, 4, 4]
    for path in layout.lists:
        pairs = read_pairs(path)
        assert pairs.kind == ("labelled" if "val" in path.name else "plain")
        assert all((out / name).is_file() for name in {*pairs.table["left"], *pairs.table["right"]})
    printed = capsys.readouterr().out
    assert "train_data: 22 images of 3 people" in printed
    assert "from a (cc0): " in printed


def test_images_are_the_bytes_of_their_person_once(shards: Path, tmp_path: Path) -> None:
    unpack(shards, tmp_path / "out", "--people", "3")
    known = table(shards)
    seen = set()
    for name, content in files(tmp_path / "out").items():
        if not name.endswith((".webp", ".png")):
            continue
        part, *person, file = name.split("/")
        number, suffix = file.split(".")
        assert content == known.loc[number, "image"]
        assert suffix == ("png" if content.startswith(b"\x89PNG") else "webp")
        if part == "verification_data":
            assert known.loc[number, "split"] == "val"
        else:
            assert person == [known.loc[number, "person"]]
        assert number not in seen
        seen.add(number)


def test_lists_tell_the_truth_and_share_nobody(shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    unpack(shards, out, "--people", "3")
    person = table(shards)["person"]
    groups = []
    for name in ("verification_pairs_val.txt", "answers_test.txt"):
        pairs = read_pairs(out / name).table
        left, right = ([person[Path(text).stem] for text in pairs[side]] for side in ("left", "right"))
        assert pairs["label"].tolist() == [a == b for a, b in zip(left, right, strict=True)]
        assert len({frozenset(pair) for pair in zip(pairs["left"], pairs["right"], strict=True)}) == len(pairs)
        groups.append({*left, *right})
    assert groups == [{"v3", "v1"}, {"v2", "v4"}]  # most photos first, in turn
    plain, answers = (read_pairs(out / f"{name}_test.txt").table for name in ("verification_pairs", "answers"))
    pd.testing.assert_frame_equal(plain, answers[["left", "right"]])


def test_halves_of_the_shards_own_pairs_are_kept_apart(shards: Path, tmp_path: Path, astronaut: np.ndarray) -> None:
    own = write_shards(tmp_path / "shards", [astronaut[:112, :112]] * 2)
    people = table(own)["person"]
    first = {name: int(people.index[people == name][0]) for name in ("v1", "v2", "v3", "v4")}
    halves = {"v1": "fit", "v2": "fit", "v3": "test", "v4": "test"}
    pairs = [{"left": first[name], "right": first[name], "half": half} for name, half in halves.items()]
    pd.DataFrame(pairs).to_parquet(own / "val_pairs.parquet")
    unpack(own, tmp_path / "out", "--people", "2")
    found = read_pairs(tmp_path / "out/verification_pairs_val.txt").table
    assert {people[Path(name).stem] for name in (*found["left"], *found["right"])} == {"v1", "v2"}


def test_the_same_seed_gives_the_same_files(shards: Path, tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        unpack(shards, tmp_path / name, "--people", "2", "--photos", "6", "--seed", seed)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a").keys() != files(tmp_path / "c").keys()


def test_limits(shards: Path, tmp_path: Path) -> None:
    unpack(shards, tmp_path / "out", "--people", "3", "--photos", "6", "--val-share", "0", "--test-share", "0.5",
           "--verification-people", "2", "--verification-photos", "3", "--pairs", "4")  # fmt: skip
    counts = pd.Series([name.rpartition("/")[0] for name in files(tmp_path / "out")]).value_counts()
    assert counts.drop("").to_dict() == {
        **{f"{part}_data/p{i}": 3 for part in ("train", "test") for i in (1, 2, 3)},
        "verification_data": 6,
    }
    # Three pairs of each person, and no impostor: each list has one person.
    assert read_pairs(tmp_path / "out/verification_pairs_val.txt").table["label"].tolist() == [True] * 3


def test_other_people_are_verified_where_no_split_is_set_aside(shards: Path, tmp_path: Path) -> None:
    unpack(shards, tmp_path / "out", "--people", "2", "--verification-split", "none")
    person = table(shards)["person"]
    found = {person[path.stem] for path in (tmp_path / "out/verification_data").iterdir()}
    assert found == {"p3", "few"}


@pytest.mark.parametrize(("format", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")])
def test_other_formats(shards: Path, tmp_path: Path, format: str, kind: str) -> None:
    unpack(shards, tmp_path / "out", "--people", "2", "--format", format)
    known = table(shards)
    paths = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.suffix != ".txt"]
    assert {path.suffix for path in paths} == {f".{format}"}
    with Image.open(paths[0]) as picture:
        assert picture.format == kind
    before = image.load(known.loc[paths[0].stem, "image"])
    error = np.abs(image.load(paths[0]).astype(int) - before)
    assert error.mean() < (0.01 if format == "png" else 6)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--unpack needs --people"),
        (["--people", "5"], "only 3 people have 5 photos or more, and --people 5"),
        (["--people", "0"], "--people 0 is too small"),
        (["--people", "2", "--photos", "-1"], "--photos -1 is too small"),
        (["--people", "2", "--val-share", "1.5"], "--val-share 1.5 is no share"),
        (["--people", "2", "--val-share", "nan"], "--val-share nan is no share"),
        (["--people", "2", "--val-share", "0.5", "--test-share", "0.5"], "leave nothing to train with"),
        (["--people", "2", "--train-split", "dev"], "has the split 'dev'; there are: train, val"),
        (["--people", "2", "--quality", "0"], "--quality 0 is out of range"),
        (["--people", "2", "--photos", "2"], "--photos 2: a person needs 3 photos"),
    ],
)
def test_flags_that_cannot_be(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    assert unpack(shards, tmp_path / "out", *flags) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": 3}, "the id 3 occurs twice"),
        ({"id": "a b"}, "the id 'a b' cannot be"),
        ({"person": "../up"}, "the person '../up' cannot be the name of a folder"),
        ({"image": b"what?"}, "the image is no WebP, PNG or JPEG"),
    ],
)
def test_shards_that_cannot_be_unpacked(
    tmp_path: Path,
    astronaut: np.ndarray,
    capsys: pytest.CaptureFixture[str],
    columns: dict[str, object],
    message: str,
) -> None:
    if columns.get("id") == "a b":
        columns = {"id": [f"a {i}" if i else "a b" for i in range(59)], "person": "one", "split": "train"}
    own = write_shards(tmp_path / "shards", [astronaut[:112, :112]] * 2, **columns)
    assert unpack(own, tmp_path / "out", "--people", "1") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))  # nothing half done is left


def test_a_column_that_is_missing_is_named(tmp_path: Path, shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(shards).drop(columns="person")
    (tmp_path / "shards").mkdir()
    rows.to_parquet(tmp_path / "shards/faces-0.parquet", index=False)
    assert unpack(tmp_path / "shards", tmp_path / "out", "--people", "1") == 2
    assert "has no column person; it has: id, image, split, source, licence" in capsys.readouterr().err


def test_two_spellings_of_a_person(tmp_path: Path, astronaut: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    own = write_shards(tmp_path / "shards", [astronaut[:112, :112]] * 2, person=["Ann", "ann"] * 29 + ["b"],
                       split="train")  # fmt: skip
    assert unpack(own, tmp_path / "out", "--people", "2") == 2
    assert "'Ann' and 'ann' look like two spellings" in capsys.readouterr().err


def test_nothing_is_written_over(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert unpack(shards, tmp_path, "--people", "2") == 2
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_no_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert unpack(tmp_path, tmp_path / "out", "--people", "2") == 2
    assert "no shards here" in capsys.readouterr().err


@pytest.mark.parametrize(("count", "val", "test"), [(3, 0.15, 0.15), (20, 0.15, 0.15), (7, 0.5, 0.4), (5, 0, 0.9)])
def test_every_part_gets_a_photo(count: int, val: float, test: float) -> None:
    parts = Shares(val, test).parts(count)
    assert sum(parts) == count
    assert all((part > 0) == (share > 0) for part, share in zip(parts, (1, val, test), strict=True))


@pytest.mark.parametrize("impostors", [10, 900, 100_000])
def test_pairs_are_drawn_evenly_and_none_twice(impostors: int) -> None:
    person = np.repeat(np.arange(10), 10)
    pairs = draw_pairs(person, impostors, np.random.default_rng(0))
    assert (person[pairs.left] == person[pairs.right]).tolist() == pairs.same.tolist()
    codes = {frozenset(pair) for pair in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)}
    assert len(codes) == len(pairs.same)
    assert all(len(code) == 2 for code in codes)
    assert pairs.same.sum() == min(450, impostors)
    assert (~pairs.same).sum() == min(4500, impostors)
    if impostors == 900:  # each photo is in 18 of them on average, give or take 4
        counts = np.bincount(np.concatenate([pairs.left[~pairs.same], pairs.right[~pairs.same]]), minlength=100)
        assert counts.min() >= 5
        assert counts.max() <= 36
