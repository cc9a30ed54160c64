import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from facecore import image
from facecore.data.folder import scan_folder
from facecore.data.layout import find_layout
from facecore.prepare import photos as photos_module
from facecore.prepare import split as split_module
from facecore.prepare.__main__ import main
from facecore.prepare.pairs import draw_lists
from facecore.prepare.select import Shares
from facecore.prepare.split import CALIBRATES, Dealt, Split, deal_faces, describe
from facecore.train.__main__ import main as train
from facecore.verification.pairs import read_pairs


def report(photos: dict[str, int], left_out: tuple[str, ...] = ()) -> pd.DataFrame:
    paths = [f"{person}/{number} x.jpg" for person, count in photos.items() for number in range(count)]
    status = ["left out" if path in left_out else "kept" for path in paths]
    return pd.DataFrame({"path": paths, "person": [path.split("/")[0] for path in paths], "status": status})


def deal(table: pd.DataFrame, vectors: np.ndarray | None = None, **split: object) -> Dealt:
    names = [str(path).replace(".jpg", ".webp") for path in table["path"]]
    return deal_faces(table, names, vectors, Split(**split))


def counts(dealt: Dealt, part: str) -> dict[str, int]:
    faces = dealt.faces
    return faces[faces["part"] == part]["person"].value_counts().sort_index().to_dict()


def text(dealt: Dealt, folder: Path, split: Split) -> list[str]:
    names = dict(zip(dealt.faces["id"], dealt.faces["name"], strict=True))
    return describe(dealt, draw_lists(folder, dealt.groups(), names, split.pairs, np.random.default_rng(0)), split)


def test_every_face_is_in_one_part() -> None:
    table = report({f"p{i}": 10 for i in range(10)}, left_out=("p3/0 x.jpg",))
    dealt = deal(table)
    faces = dealt.faces
    assert faces["id"].tolist() == table.loc[table["status"] == "kept", "path"].tolist()
    aside = set(dealt.lists[0])
    assert len(aside) == 2
    assert dealt.lists[1] == []
    assert counts(dealt, "verification_data").keys() == aside
    trained = sorted({f"p{i}" for i in range(10)} - aside)
    for part, of_ten, of_nine in (("train_data", 6, 7), ("val_data", 2, 1), ("test_data", 2, 1)):
        assert counts(dealt, part) == {person: of_nine if person == "p3" else of_ten for person in trained}


def test_names() -> None:
    faces = deal(report({f"p{i}": 10 for i in range(10)})).faces
    aside = faces["part"] == "verification_data"
    others = faces[~aside]
    assert others["name"].tolist() == [
        f"{part}/{path[:-4]}.webp" for part, path in zip(others["part"], others["id"], strict=True)
    ]
    assert sorted(faces.loc[aside, "name"]) == [f"verification_data/{i:06d}.webp" for i in range(20)]
    assert sorted(faces.loc[aside, "name"]) != faces.loc[aside, "name"].tolist()  # neighbours need not be one person


def test_people_with_few_photos_are_trained_on_alone(tmp_path: Path) -> None:
    dealt = deal(report({"one": 1, "four": 4, "five": 5, "six": 6}))
    assert counts(dealt, "train_data") == {"five": 3, "four": 4, "one": 1, "six": 4}
    assert counts(dealt, "val_data") == counts(dealt, "test_data") == {"five": 1, "six": 1}
    lines = text(dealt, tmp_path, Split())
    assert lines[:4] == [
        "train_data: 12 faces of 4 people",
        "val_data: 2 faces of 2 people",
        "test_data: 2 faces of 2 people",
        "people with fewer than 5 different photos, all of them in train_data: 2",
    ]
    assert lines[4].startswith("nobody is set aside for verification, so there will be no verification AUC")
    assert "4 people are too few" in lines[4]
    assert list(tmp_path.iterdir()) == []


def test_shares_of_nothing() -> None:
    dealt = deal(report({"a": 6, "b": 6}), shares=Shares(0, 0), min_photos=1)
    assert set(dealt.faces["part"]) == {"train_data"}


def test_faces_of_one_moment_stay_together() -> None:
    table = report({"a": 30, "b": 30})
    random = np.random.default_rng(5)
    vectors = random.normal(size=(60, 64)).astype(np.float32)
    # A chain of three, each near the next only, and a pair; the other person has the same vector as the first of these.
    turn = np.arccos(0.97)
    for place, angle in ((20, 1), (5, 2), (11, 3)):
        vectors[place] = 0
        vectors[place, :2] = np.cos(angle * turn), np.sin(angle * turn)
    vectors[8] = vectors[2]
    vectors[40] = vectors[2]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for seed in range(8):
        dealt = deal(table, vectors.astype(np.float16), people=0, seed=seed, shares=Shares(0.3, 0.3))
        part = dealt.faces["part"]
        assert part[20] == part[5] == part[11]
        assert part[2] == part[8]
        assert dealt.faces.index[~dealt.faces["different"]].tolist() == [8, 11, 20]


def test_pairs_are_of_different_moments(tmp_path: Path) -> None:
    table = report({"a": 3, "b": 3, "c": 3, "d": 3})
    vectors = np.eye(12, dtype=np.float16)
    vectors[1::3] = vectors[::3]
    dealt = deal(table, vectors, people=2)
    assert counts(dealt, "verification_data") == dict.fromkeys(dealt.lists[0], 3)
    assert [group["person"].value_counts().tolist() for group in dealt.groups()] == [[2, 2], []]


@pytest.mark.parametrize(
    ("photos", "asked", "lists"),
    [
        ([10] * 9, None, (0, 0)),
        ([10] * 10, None, (2, 0)),
        ([1] * 20, None, (0, 0)),
        ([10] * 9, 3, (3, 0)),
        ([10] * 10, 0, (0, 0)),
        ([16] * 50, None, (10, 0)),  # 45 * 256 = 11,520 pairs
        ([12] * 40, None, (13, 0)),  # 12 people make 9,504
        ([3] * 40, None, (8, 0)),  # no third would be enough
        ([16] * 100, None, (10, 10)),
        ([16] * 100, 19, (19, 0)),
        ([2] * 500, None, (100, 0)),
        ([5] * 500, None, (50, 50)),
    ],
)
def test_how_many_are_set_aside(photos: list[int], asked: int | None, lists: tuple[int, int]) -> None:
    dealt = deal(report({f"p{i}": count for i, count in enumerate(photos)}), people=asked)
    assert tuple(len(people) for people in dealt.lists) == lists
    assert len(counts(dealt, "train_data")) == len(photos) - sum(lists)
    assert not set(dealt.lists[0]) & set(dealt.lists[1])


def test_who_is_set_aside() -> None:
    photos = {"one": 1, "two": 2, "most": 200, "many": 60, "good": 20, "right": 16, "half": 8}
    table = report(photos)
    order = [set(deal(table, people=number).lists[0]) for number in (2, 3, 4, 5)]
    assert order == [{"right", "good"}, {"right", "good", "many"}, {"right", "good", "many", "most"},
                     {"right", "good", "many", "most", "half"}]  # fmt: skip


def test_the_seed_decides() -> None:
    table = report({f"p{i:02d}": 8 for i in range(20)})
    first, again, other = (deal(table, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.faces, again.faces)
    assert first.lists == again.lists
    assert first.lists != other.lists


@pytest.mark.parametrize(("people", "enough"), [(9, False), (11, True)])
def test_it_says_whether_the_pairs_calibrate(tmp_path: Path, people: int, enough: bool) -> None:
    split = Split(people=people)
    lines = text(deal(report({f"p{i}": 15 for i in range(20)}), people=people), tmp_path, split)
    impostors = people * (people - 1) // 2 * 225
    assert (impostors >= CALIBRATES) == enough
    assert f"labelled pairs: {people * 105:,} genuine, {impostors:,} impostor, of {people} other people" in lines
    assert any("too few impostor pairs to calibrate" in line for line in lines) != enough


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray, hopper_path: Path) -> Path:
    """Four people, three photos each, made from two photos: each person has a light of their own."""
    root = tmp_path_factory.mktemp("album") / "photos"
    faces = [astronaut[:256, 96:352], image.load(hopper_path)[20:340, 100:420]]
    for number, person in enumerate(("ann lee", "ben", "cai", "dee")):
        face = np.asarray(Image.fromarray(faces[number % 2]).resize((144, 144)))
        light = np.roll([1, 0.7, 0.5], number // 2)
        for photo in range(3):
            path = root / f"{person}/{photo}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((face * light * (1 - 0.08 * photo)).astype(np.uint8)).save(path)
    return root


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos that differ in their light alone are of one moment, and would not be dealt out."""
    monkeypatch.setattr(split_module, "ONE_MOMENT", 2)


SPLIT = ["--split", "--verification-people", "2", "--min-photos", "3", "--outlier", "2", "--workers", "0"]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("moments")
def test_training_finds_all_of_it(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(photos_module, "write_report", stop)
        assert main([str(album), str(out), *SPLIT]) == 130
    stopped = files(out)
    assert json.loads((out / ".prepare/settings.json").read_text())["seed"] == 0  # another is refused
    assert main([str(album), str(out), *SPLIT]) == 0
    whole = files(out)
    assert {name: content for name, content in stopped.items() if not name.startswith(".prepare")} == {
        name: content for name, content in whole.items() if name != "report.csv"
    }
    layout = find_layout(out)
    assert layout.images == out
    assert layout.lists == (out / "verification_pairs_val.txt",)
    assert layout.val is not None
    assert layout.test is not None
    train = scan_folder(layout.train)
    assert len(train.classes) == 2
    parts = [train, scan_folder(layout.val, train.classes), scan_folder(layout.test, train.classes)]
    assert [np.bincount(part.labels).tolist() for part in parts] == [[1, 1], [1, 1], [1, 1]]
    table = pd.read_csv(out / "report.csv", keep_default_na=False)
    assert sorted(table["face"]) == sorted(name for name in whole if name.endswith(".webp"))
    pairs = read_pairs(out / "verification_pairs_val.txt").table
    person = table.set_index("face")["person"]
    left, right = (person[pairs[side]].to_numpy() for side in ("left", "right"))
    assert pairs["label"].tolist() == (left == right).tolist()
    assert (int((left == right).sum()), int((left != right).sum())) == (6, 9)
    assert not {*left, *right} & set(train.classes)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:6] == [
        "12 photos of 4 people: 12 kept",
        "train_data: 2 faces of 2 people",
        "val_data: 2 faces of 2 people",
        "test_data: 2 faces of 2 people",
        "verification_data: 6 faces of 2 people set aside, who are not trained on",
        "labelled pairs: 6 genuine, 9 impostor, of 2 other people",
    ]


@pytest.mark.slow
def test_without_a_face_that_is_kept(tmp_path: Path, coffee: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos/ann").mkdir(parents=True)
    Image.fromarray(coffee[:160, :160]).save(tmp_path / "photos/ann/1.png")
    assert main([str(tmp_path / "photos"), str(tmp_path / "out"), "--split", "--workers", "0"]) == 2
    assert "no face is left to train with" in capsys.readouterr().err
    assert list(files(tmp_path / "out")) == ["report.csv"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--val-share", "0.2"], "--val-share says how faces are dealt out: give --split too"),
        (["--split", "--to", "parquet"], "--split writes folders"),
        (["--split", "--verification-people", "3"], "of 4 people that leaves 1 to train on"),
        (["--split", "--verification-people", "1"], "makes no pairs of two people"),
        (["--split", "--test-share", "1"], "--test-share 1 is no share"),
        (["--split", "--verification-photos", "3"], "--verification-photos is for --unpack"),
        (["--split", "--unpack", "--people", "3"], "--split is for photos"),
    ],
)
def test_flags_that_cannot_be(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    assert main([str(album), str(tmp_path / "out"), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_photos_of_nobody(album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(album / "ben"), str(tmp_path / "out"), "--split"]) == 2
    assert "--split needs a folder of photos for each person" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("moments")
def test_two_commands_from_photos_to_a_model(album: Path, tmp_path: Path) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    assert main([str(album), str(data), *SPLIT]) == 0
    flags = ["--recipe", "best", "--epochs", "1", "--size", "64", "--batch-size", "2", "--workers", "0"]
    assert train([str(data), *flags, "--out", str(run), "--device", "cpu"]) == 0
    results = json.loads((run / "results.json").read_text())
    assert 0 <= results["verification_auc"] <= 1
    assert 0 <= results["test_accuracy"] <= 1
    assert (run / "last/config.json").is_file()
