import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eval.protocols.__main__ import main
from eval.protocols.identities import make_pairs
from eval.protocols.people import People, read_people
from facecore.files import sha256
from facecore.verification.pairs import read_pairs
from tests.eval.protocols.conftest import PhotoMaker, PlantedRun

SIZES = {"anna": 12, "berta": 3, "carla": 2, "doris": 1, "emma": 4, "frida": 1}


@pytest.fixture
def folder(maker: PhotoMaker, tmp_path: Path) -> Path:
    return maker.people(tmp_path / "people", SIZES)


def _people(sizes: dict[str, int]) -> People:
    names = [f"{name}/{number}.jpg" for name, count in sizes.items() for number in range(count)]
    codes = np.repeat(np.arange(len(sizes)), list(sizes.values()))
    return People(Path("nowhere"), tuple(names), codes, tuple(sizes))


def test_a_sample(folder: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["identities", str(folder), "--pairs", "20", "--out", str(out), "--no-report"]) == 0
    assert run.face == "largest"
    listed = read_pairs(out / "pairs.csv")
    assert listed.kind == "csv"
    assert listed.table["label"].sum() == 20
    assert len(listed.table) == 40
    rows = pd.read_csv(out / "scores.csv")
    assert list(rows["left"]) == list(listed.table["left"])
    assert (rows["status"] == "ok").all()
    content = json.loads((out / "figures.json").read_text())
    assert content["seed"] == 0
    assert content["figures"]["genuine"] == content["figures"]["impostors"] == 20
    assert content["folds"] is None
    assert "people, 20 genuine and 20 impostor pairs: 40 pairs" in (shown := capsys.readouterr()).out
    assert "23 photos of 6 people" in shown.err


def test_the_list_can_be_scored_again(folder: Path, run: PlantedRun, tmp_path: Path) -> None:
    """The digest in scores.json is that of pairs.csv."""
    out = tmp_path / "out"
    main(["identities", str(folder), "--pairs", "5", "--out", str(out), "--no-report"])
    record = json.loads((out / "scores.json").read_text())
    assert record["list"]["digest"] == sha256(out / "pairs.csv")


@pytest.mark.parametrize("count", [1, 4, 20, 10_000])
def test_the_sample_is_balanced(count: int) -> None:
    table = make_pairs(_people(SIZES), count, seed=7)
    same = table["label"].to_numpy(bool)
    genuine = 66 + 3 + 1 + 6
    assert same.sum() == (~same).sum() == min(count, genuine)
    people = table[["left", "right"]].map(lambda name: name.split("/")[0])
    np.testing.assert_array_equal(people["left"] == people["right"], same)
    assert not table.apply(lambda row: frozenset([row["left"], row["right"]]), axis=1).duplicated().any()
    if count == 20:
        # Of 22 genuine and impostor pairs anna, with more than half of the photos, has no more than her turns.
        assert people["left"][same].value_counts().to_dict() == {"anna": 10, "berta": 3, "carla": 1, "emma": 6}
        turns = pd.concat([people["left"], people["right"]])[np.tile(~same, 2)].value_counts()
        assert turns.max() - turns.min() <= 1
    used = pd.concat([table["left"], table["right"]])[np.tile(~same, 2)].value_counts()
    annas = [used.get(f"anna/{number}.jpg", 0) for number in range(12)]
    assert max(annas) - min(annas) <= 2


def test_nobody_dominates() -> None:
    """One person with 400 photos among fifty with three."""
    table = make_pairs(_people({"much": 400, **{f"p{number}": 3 for number in range(50)}}), 150, seed=1)
    people = table[["left", "right"]].map(lambda name: name.split("/")[0])
    counts = pd.concat([people["left"], people["right"]]).value_counts()
    assert counts.max() <= counts.min() + 3
    assert pd.concat([table["left"], table["right"]]).value_counts().max() <= 6


def test_same_names_and_seed_same_list(
    folder: Path, maker: PhotoMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_pairs(read_people(folder), 15, seed=3)
    # The same names, written the other way round, in a file system that lists them in another order.
    names = [path.relative_to(folder) for path in folder.rglob("*.png")]
    for name in reversed(names):
        maker.write(tmp_path / "again" / name, name.parent.name, 99)
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: reversed(sorted(listed(self))))
    pd.testing.assert_frame_equal(make_pairs(read_people(tmp_path / "again"), 15, seed=3), first)
    assert not make_pairs(read_people(folder), 15, seed=4).equals(first)


def test_the_list_is_the_same_on_every_machine() -> None:
    table = make_pairs(_people({"anna": 3, "berta": 2, "carla": 2}), 2, seed=0)
    assert list(table.itertuples(index=False, name=None)) == [
        ("carla/1.jpg", "carla/0.jpg", True),
        ("anna/2.jpg", "anna/0.jpg", True),
        ("anna/1.jpg", "berta/1.jpg", False),
        ("berta/0.jpg", "carla/0.jpg", False),
    ]


def test_all_impostors(folder: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["identities", str(folder), "--all-impostors", "--out", str(out)]) == 0
    every = json.loads((out / "figures.json").read_text())["all_pairs"]
    assert every["genuine"] == 66 + 3 + 1 + 6
    assert every["impostors"] == 23 * 22 // 2 - every["genuine"]
    assert len(pd.read_csv(out / "photos.csv")) == 23
    assert not (out / "pairs.csv").exists()
    assert "all pairs: 23 photos of 6 people" in capsys.readouterr().out


def test_photos_that_fail(folder: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "carla" / "carla_0002.png").write_bytes(b"no photo")
    out = tmp_path / "out"
    assert main(["identities", str(folder), "--pairs", "20", "--out", str(out), "--no-report"]) == 0
    rows = pd.read_csv(out / "scores.csv")
    bad = rows["left"].str.endswith("carla_0002.png") | rows["right"].str.endswith("carla_0002.png")
    assert bad.any()
    assert (rows["score"].isna() == bad).all()
    assert "no_face: carla/carla_0002.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--pairs", "0"], 2, "at least one pair of either kind"),
        (["--impostors", "0"], 2, "at least one pair of either kind"),
        (
            ["--pairs", "30", "--impostors", "999"],
            0,
            "only 30 genuine and 177 impostor pairs can be made, not 30 and 999",
        ),
        (["--pairs", "many"], 2, "invalid int value"),
        (["--pairs", "5", "--all-impostors"], 2, "not allowed with"),
        (["--pairs", "100"], 0, "only 76 genuine and 76 impostor pairs can be made, not 100 and 100"),
    ],
)
def test_flags(
    folder: Path,
    run: PlantedRun,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    code: int,
    message: str,
) -> None:
    assert main(["identities", str(folder), *flags, "--out", str(tmp_path / "out"), "--no-report"]) == code
    assert message in capsys.readouterr().err


def test_nothing_to_pair(run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identities", str(tmp_path / "x"), "--out", str(tmp_path / "out")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    (tmp_path / "x").mkdir()
    assert main(["identities", str(tmp_path / "x"), "--out", str(tmp_path / "out")]) == 2
    assert "a folder for each person" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["lfw", "cfp", "bin", "identities"])
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"{command}-results" in shown
    assert "--cache" in shown
