"""The whole way, with the bundled model: photos, faces, embeddings, figures."""

import itertools
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from eval.calibrate import main as calibrate
from eval.protocols.__main__ import main
from eval.protocols.identities import make_pairs
from eval.protocols.outcome import pairs_csv
from eval.protocols.people import read_people
from facecore.checkpoint import load
from facecore.pretrained import DEFAULT_MODEL, find_model


@pytest.fixture
def two_people(tmp_path: Path, astronaut: np.ndarray, hopper_path: Path) -> Path:
    """Eileen Collins, mirrored, and Grace Hopper, in grey, three photos each: as it is, darker, and smaller."""
    root = tmp_path / "people"
    with Image.open(hopper_path) as image:
        hopper = image.convert("L").convert("RGB")  # in colour, or not mirrored, small photos are too close to call
    for name, photo in (("collins", ImageOps.mirror(Image.fromarray(astronaut))), ("hopper", hopper)):
        (root / name).mkdir(parents=True)
        photo.save(root / name / "1.png")
        photo.point([value // 2 for value in range(256)] * 3).save(root / name / "2.png")
        photo.resize((photo.width // 2, photo.height // 2)).save(root / name / "3.png")
    return root


@pytest.mark.slow
def test_a_folder_of_identities(two_people: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    flags = ["--pairs", "6", "--workers", "0", "--no-cache", "--out", str(out)]
    assert main(["identities", str(two_people), *flags]) == 0
    content = json.loads((out / "figures.json").read_text())
    assert (content["pairs"], content["images"], content["failed_pairs"]) == (12, 6, 0)
    assert content["figures"]["auc"] == 1
    assert content["figures"]["accuracy_at_threshold"] == 1
    rows = pd.read_csv(out / "scores.csv")
    assert (rows["decision"] == np.where(rows["label"] == 1, "same", "different")).all()
    assert rows["left_quality"].between(0, 1).all()
    assert "<html" in (out / "report.html").read_text()


@pytest.mark.slow
def test_all_impostors_agree_with_the_list(two_people: Path, tmp_path: Path) -> None:
    flags = ["--workers", "0", "--cache", str(tmp_path / "cache"), "--no-report"]
    listed, every = tmp_path / "listed", tmp_path / "every"
    assert main(["identities", str(two_people), "--pairs", "6", "--impostors", "9", *flags, "--out", str(listed)]) == 0
    rows = pd.read_csv(listed / "scores.csv").sort_values("score")
    for place in (3, 8, 11):  # a threshold among the impostors, between the kinds, and among the genuine pairs
        limit = rows["score"].iloc[place : place + 2].mean()
        command = ["identities", str(two_people), "--all-impostors", "--threshold", str(limit), *flags]
        assert main([*command, "--out", str(every)]) == 0
        found = json.loads((every / "figures.json").read_text())["all_pairs"]
        assert (found["genuine"], found["impostors"], found["auc"]) == (6, 9, 1)
        accepted = rows["label"][rows["score"] >= limit]
        at = found["at_threshold"]
        assert (at["true_accepts"], at["false_accepts"]) == (accepted.sum(), (1 - accepted).sum())


@pytest.mark.slow
def test_a_bin_of_photos_and_of_what_is_none(two_people: Path, tmp_path: Path, coffee: np.ndarray) -> None:
    Image.fromarray(coffee).save(tmp_path / "coffee.png")
    photo = {f"{path.parent.name}{path.stem}": path.read_bytes() for path in two_people.rglob("*.png")}
    photos = [photo["collins1"], photo["collins2"], photo["hopper1"], photo["collins3"]]
    photos += [photo["hopper1"], photo["hopper2"], photo["hopper3"], (tmp_path / "coffee.png").read_bytes()]
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps((photos, [True, False, True, False]), protocol=2))
    out = tmp_path / "out"
    flags = ["--workers", "0", "--no-cache", "--no-report", "--out", str(out)]
    assert main(["bin", str(path), *flags]) == 0
    rows = pd.read_csv(out / "scores.csv")
    assert list(rows["decision"]) == ["same", "different", "same", "failed"]
    assert rows["status"][3] == "right:no_face"


@pytest.mark.data
@pytest.mark.slow
def test_lfw_fold_1_and_a_calibration(shared_data: Path, tmp_path: Path, fold_cache: Path) -> None:
    """The fold, all pairs of its photos, and a calibration by pairs made of them, which shares the embeddings."""
    out, photos = tmp_path / "out", shared_data / "lfw_fold1"
    cache = ["--cache", str(fold_cache)]
    assert main(["lfw", "--images", str(photos), "--all-pairs", *cache, "--out", str(out)]) == 0
    content = json.loads((out / "figures.json").read_text())
    assert content["figures"]["genuine"] == content["figures"]["impostors"] == 300
    assert content["failed_pairs"] == 0
    assert content["figures"]["auc"] > 0.95
    every = content["all_pairs"]
    assert every["photos"] == 807
    assert every["genuine"] + every["impostors"] == 807 * 806 // 2
    assert every["auc"] > 0.95
    tar = {at["target"]: at["tar"] for at in every["tar"]}
    assert tar[0.1] > tar[0.01] > tar[0.001] > 0.2
    assert "report.html" in {path.name for path in out.iterdir()}

    pairs = tmp_path / "pairs.csv"
    pairs.write_text(pairs_csv(make_pairs(read_people(photos), 800, 0, 80_000)))
    model = tmp_path / "model"
    shutil.copytree(find_model(DEFAULT_MODEL), model)
    (model / "calibration.json").unlink()
    flags = ["--images", str(photos), "--face", "centre", "--holdout", "0.4", *cache]
    assert calibrate([str(model), str(pairs), *flags]) == 0
    made = load(model).calibration
    assert made is not None
    figures = made.evidence["all"]
    assert figures["genuine"] > 100
    assert figures["at_threshold"]["accuracy"] > 0.95
    assert figures["at_threshold"]["far"] < 0.01


def _some_people(photos: Path, count: int) -> list[list[Path]]:
    """People with two photos at least, in the order of their folders."""
    folders = [sorted(folder.glob("*.jpg")) for folder in sorted(photos.iterdir()) if folder.is_dir()]
    return [found for found in folders if len(found) > 1][:count]


@pytest.mark.data
@pytest.mark.slow
def test_cfp_made_of_lfw(shared_data: Path, tmp_path: Path) -> None:
    """Twenty people, two in each fold; the second photo stands for the profile."""
    people = _some_people(shared_data / "lfw_fold1", 20)
    root = tmp_path / "cfp"
    lists: dict[str, list[str]] = {"F": [], "P": []}
    for number, photos in enumerate(people, 1):
        for kind, side, photo in (("F", "frontal", photos[0]), ("P", "profile", photos[1])):
            target = root / f"Data/Images/{number:03d}/{side}/01.jpg"
            target.parent.mkdir(parents=True)
            shutil.copy(photo, target)
            lists[kind].append(f"{number} ../Data/Images/{number:03d}/{side}/01.jpg")
    for fold in range(1, 11):
        a, b = 2 * fold - 1, 2 * fold
        place = root / f"Protocol/Split/FP/{fold:02d}"
        place.mkdir(parents=True)
        (place / "same.txt").write_text(f"{a},{a}\n{b},{b}\n")
        (place / "diff.txt").write_text(f"{a},{b}\n{b},{a}\n")
    for kind, lines in lists.items():
        (root / f"Protocol/Pair_list_{kind}.txt").write_text("\n".join(lines))
    out = tmp_path / "out"
    assert main(["cfp", str(root), "--protocol", "FP", "--no-cache", "--out", str(out), "--no-report"]) == 0
    content = json.loads((out / "figures.json").read_text())
    assert (content["pairs"], content["images"], content["failed_pairs"]) == (40, 40, 0)
    assert content["folds"]["accuracy"]["mean"] > 0.8
    assert content["folds"]["auc"]["mean"] > 0.8


@pytest.mark.data
@pytest.mark.slow
def test_bin_made_of_lfw(shared_data: Path, tmp_path: Path) -> None:
    people = [[photo.read_bytes() for photo in photos] for photos in _some_people(shared_data / "lfw_fold1", 21)]
    photos: list[bytes] = []
    for here, there in itertools.pairwise(people):
        photos += [here[0], here[1], here[0], there[1]]
    path = tmp_path / "lfw.bin"
    path.write_bytes(pickle.dumps((photos, [True, False] * 20), protocol=2))
    out = tmp_path / "out"
    assert main(["bin", str(path), "--no-cache", "--out", str(out)]) == 0
    content = json.loads((out / "figures.json").read_text())
    assert (content["pairs"], content["failed_pairs"]) == (40, 0)
    assert content["images"] == 41  # of each person the first photo is in two pairs, and the second too
    assert content["folds"]["accuracy"]["mean"] > 0.8
    assert (out / "report.html").exists()
