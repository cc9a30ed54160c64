import dataclasses
import shlex
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import Tensor

from eval import calibrate, score
from eval.protocols.__main__ import parser as protocols_parser
from facecore import checkpoint, image
from facecore.config import ModelConfig
from facecore.errors import DataError, PairListError
from facecore.files import sha256
from facecore.models import MODELS, EmbeddingNetwork
from facecore.recognizer import FaceRecognizer
from facecore.train import verification_lists
from facecore.train.verification_lists import (
    VerificationList,
    Verifier,
    calibrate_model,
    read_lists,
    score_command,
    verification_auc,
)
from facecore.transforms import preset
from facecore.verification.calibration import Calibration
from facecore.verification.fitting import fit

SIZE = 64
PRESET = preset("reference", SIZE)


def _write_photos(folder: Path, crops: Sequence[np.ndarray], count: int) -> None:
    """Photos 000.jpg and on of people who take turns, each darker or lighter and with noise."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(3)
    small = [np.asarray(Image.fromarray(crop).resize((SIZE, SIZE)), np.float64) for crop in crops]
    for number in range(count):
        pixels = small[number % len(small)] * random.uniform(0.6, 1.2) + random.normal(0, 12, (SIZE, SIZE, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number:03d}.jpg", quality=90)


def _write_list(path: Path, pairs: Sequence[tuple[int, int]], prefix: str = "verification_data/") -> Path:
    lines = [f"{prefix}{a:03d}.jpg {prefix}{b:03d}.jpg {int(a % 2 == b % 2)}" for a, b in pairs]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def data(tmp_path: Path, crops: list[np.ndarray]) -> Path:
    """A training folder with eight photos of two people and a labelled list of all 28 pairs."""
    folder = tmp_path / "my data"
    _write_photos(folder / "verification_data", crops, 8)
    _write_list(folder / "pairs.txt", list(combinations(range(8), 2)))
    return folder


def _one(data: Path, name: str = "pairs.txt") -> VerificationList:
    (pairs,) = read_lists([data / name], data)
    return pairs


def _embed(crops: Sequence[np.ndarray]) -> np.ndarray:
    """Colours of a few places, as an embedding that tells something but not everything."""
    rows = np.stack([crop[::20, ::20].astype(np.float32).ravel() for crop in crops])
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _load(path: Path) -> np.ndarray:
    return PRESET.fit(image.load(path))


def test_a_list_as_courses_have_it(data: Path) -> None:
    pairs = _one(data)
    assert pairs.images == data
    assert pairs.names == tuple(f"verification_data/{number:03d}.jpg" for number in range(8))
    assert pairs.files == tuple(data / name for name in pairs.names)
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == list(combinations(range(8), 2))
    assert pairs.left.dtype == np.int64
    assert pairs.same is not None
    assert pairs.same.tolist() == [a % 2 == b % 2 for a, b in combinations(range(8), 2)]
    assert len(pairs) == 28


def test_names_are_relative_to_the_folder_in_which_they_are_found(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = _write_list(data / "verification_data" / "own.txt", [(0, 1), (0, 2)], prefix="")
    plain = data / "plain.txt"
    plain.write_text("verification_data\\000.jpg,verification_data\\001.jpg\n")  # as Windows writes it
    own, windows, whole = read_lists([beside, plain, data / "pairs.txt"], data)
    assert own.images == data / "verification_data"
    assert own.files[0] == data / "verification_data" / "000.jpg"
    assert windows.images == whole.images == data
    assert windows.same is None
    assert windows.files[1] == data / "verification_data/001.jpg"
    assert capsys.readouterr().err == ""


def test_a_course_list_is_looked_up_in_both_folders(data: Path) -> None:
    lines = ["Id,Category"]
    lines += [f"verification_data/{a:03d}.jpg verification_data/{b:03d}.jpg,{b % 2}" for a, b in ((0, 2), (1, 3))]
    (data / "answers.csv").write_text("\n".join(lines) + "\n")
    elsewhere = data.parent / "elsewhere"
    (elsewhere / "verification_data").mkdir(parents=True)
    moved = [folder / "verification_data" / "000.jpg" for folder in (data, elsewhere)]
    moved[0].rename(moved[1])
    (course,) = read_lists([data / "answers.csv"], elsewhere)
    assert course.images == elsewhere
    assert course.files[0] == moved[1]
    assert course.files[1:] == tuple(data / name for name in course.names[1:])
    assert course.same is not None
    assert course.same.tolist() == [False, True]


def test_missing_photos(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        (data / "verification_data" / f"{number:03d}.jpg").unlink()
    pairs = _one(data)
    told = capsys.readouterr().err
    assert "2 of 8 photos are missing, such as 'verification_data/001.jpg': 13 of 28 pairs fail" in told
    assert len(pairs) == 28
    for photo in (data / "verification_data").iterdir():
        photo.unlink()
    with pytest.raises(DataError, match=r"pairs\.txt: none of its 8 photos is there.*verification_data/000\.jpg"):
        _one(data)


def test_labels_that_say_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "sample.txt").write_text("verification_data/000.jpg verification_data/001.jpg 0\n" * 3)
    assert _one(data, "sample.txt").same is None
    assert "all labels say different" in capsys.readouterr().err
    (data / "half.csv").write_text(
        "left,right,label\nverification_data/000.jpg,verification_data/001.jpg,0\n"
        "verification_data/000.jpg,verification_data/003.jpg,\nverification_data/000.jpg,verification_data/002.jpg,1\n"
    )
    half = _one(data, "half.csv")
    assert "1 of 3 pairs have no label" in capsys.readouterr().err
    assert half.same is not None
    assert half.same.tolist() == [False, True]
    assert [half.names[i] for i in half.right] == ["verification_data/001.jpg", "verification_data/002.jpg"]


def test_a_list_that_cannot_be_read(data: Path) -> None:
    (data / "bad.txt").write_text("one two\nthree\n")
    with pytest.raises(PairListError, match="bad.txt"):
        _one(data, "bad.txt")


@pytest.mark.parametrize("batch_size", [1, 3, 8, 100])
def test_auc(data: Path, batch_size: int) -> None:
    pairs = _one(data)
    sizes: list[int] = []

    def embed(crops: Sequence[np.ndarray]) -> np.ndarray:
        sizes.append(len(crops))
        assert all(crop.shape == (SIZE, SIZE, 3) and crop.dtype == np.uint8 for crop in crops)
        return _embed(crops)

    found = verification_auc(pairs, embed, _load, batch_size)
    rows = _embed([_load(data / name) for name in pairs.names])
    scores = [float(rows[a] @ rows[b]) for a, b in combinations(range(8), 2)]
    assert found == pytest.approx(roc_auc_score(pairs.same, scores), abs=1e-9)
    assert sum(sizes) == 8
    assert max(sizes) <= batch_size


def test_a_failed_pair_is_accepted_at_no_threshold(data: Path) -> None:
    pairs = _one(data)
    (data / "verification_data" / "000.jpg").write_text("no photo")
    (data / "verification_data" / "005.jpg").unlink()
    rows = _embed([_load(data / name) for name in pairs.names if name[-7:-4] not in ("000", "005")])
    rows = np.insert(rows, [0, 4], np.nan, axis=0)
    scores = np.array([rows[a] @ rows[b] for a, b in combinations(range(8), 2)])
    assert int(np.isnan(scores).sum()) == 13
    expected = roc_auc_score(pairs.same, np.where(np.isnan(scores), -2, scores))
    for batch_size in (2, 100):
        assert verification_auc(pairs, _embed, _load, batch_size) == pytest.approx(expected, abs=1e-9)


def test_no_photo_can_be_read(data: Path) -> None:
    pairs = _one(data)
    for photo in (data / "verification_data").iterdir():
        photo.write_text("no photo")
    with pytest.raises(DataError, match=r"none of its photos can be read.*000\.jpg"):
        verification_auc(pairs, _embed, _load)


def test_no_labels_no_auc(data: Path) -> None:
    unlabelled = dataclasses.replace(_one(data), same=None)
    with pytest.raises(ValueError, match="no labels"):
        verification_auc(unlabelled, _embed, _load)


@pytest.mark.parametrize(("room", "loads"), [(8, 8), (5, 11), (0, 16)])
def test_photos_that_fit_are_decoded_once(data: Path, monkeypatch: pytest.MonkeyPatch, room: int, loads: int) -> None:
    read: list[Path] = []

    def load(path: Path) -> np.ndarray:
        read.append(path)
        return loaded(path)

    loaded = image.load
    monkeypatch.setattr(verification_lists.image, "load", load)
    monkeypatch.setattr(verification_lists, "usable_cores", lambda: 1)
    verifier = Verifier(_one(data), PRESET, cache_bytes=room * 3 * SIZE**2)
    first, second = verifier.auc(_embed), verifier.auc(_embed, batch_size=3)
    assert first == second
    assert first == verification_auc(verifier.pairs, _embed, lambda path: PRESET.fit(loaded(path)))
    assert len(read) == loads


class Colours(EmbeddingNetwork):
    """A network of no weight: the colours of 64 places."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(1))
        self.embedding_dim = 192

    def embed(self, x: Tensor) -> Tensor:
        colours = F.adaptive_avg_pool2d(x, 8).flatten(1) * self.scale
        return F.normalize(colours - colours.mean(dim=1, keepdim=True))

    def forward(self, x: Tensor) -> Tensor:
        return self.embed(x)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(MODELS, "colours", Colours)
    folder = tmp_path / "my model"
    checkpoint.save(folder, Colours(), ModelConfig("colours", {}, preset="reference", size=SIZE, alignment=None))
    return folder


def test_calibration(
    model: Path,
    crops: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _write_photos(tmp_path / "photos", crops, 204)
    every = list(product(range(0, 204, 2), range(1, 204, 2))) + [(0, number) for number in range(2, 60, 2)]
    path = _write_list(tmp_path / "pairs.txt", [*every, (203, 999)], prefix="photos/")
    unlabelled = tmp_path / "unlabelled.txt"
    unlabelled.write_text("photos/000.jpg photos/001.jpg\n")
    lists = read_lists([unlabelled, path], tmp_path)
    given: dict[str, np.ndarray] = {}

    def spied(genuine: np.ndarray, impostor: np.ndarray, *, source: dict[str, Any]) -> Calibration:
        given.update(genuine=genuine, impostor=impostor)
        return fit(genuine, impostor, source=source)

    monkeypatch.setattr(verification_lists, "fit", spied)
    calibration = calibrate_model(model, lists, device="cpu", batch_size=17)
    told = capsys.readouterr().err
    assert "1 of 205 photos are missing" in told
    assert "Only 204 images carry" in told
    assert calibration is not None
    source = calibration.source
    assert {key: source[key] for key in ("genuine", "impostors", "failed_pairs", "align")} == {
        "genuine": 29, "impostors": 10404, "failed_pairs": 1, "align": "none"
    }  # fmt: skip
    assert source["digest"] == sha256(path)
    assert calibration.evidence == {}
    assert "no evidence" in source["use"]
    # As a user of the saved model would have it.
    recognizer = FaceRecognizer(checkpoint.load(model), align="none", device="cpu")
    rows = recognizer.embed([tmp_path / "photos" / f"{number:03d}.jpg" for number in (0, 1, 2, 3)]).matrix
    assert given["impostor"][[0, 1]] == pytest.approx(rows[0] @ rows[[1, 3]].T, abs=1e-5)
    assert given["genuine"][0] == pytest.approx(rows[0] @ rows[2], abs=1e-5)
    checkpoint.save_calibration(model, calibration)
    assert checkpoint.load(model).calibration == calibration


def _advice(told: str) -> list[list[str]]:
    return [shlex.split(line)[2:] for line in told.splitlines() if line.startswith("  python -m ")]


def test_without_a_calibration_the_commands_that_make_one(
    model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate_model(model, read_lists([data / "pairs.txt"], data), device="cpu", people=data / "val") is None
    told = capsys.readouterr().err
    assert "has no calibration" in told
    assert "at least 10 genuine and 10,000 impostor pairs" in told
    (make, make_arguments), (use, use_arguments) = ((words[0], words[1:]) for words in _advice(told))
    assert (make, use) == ("eval.protocols", "eval.calibrate")
    made, used = protocols_parser().parse_args(make_arguments), calibrate.parser().parse_args(use_arguments)
    assert made.folder == used.images == data / "val"
    assert (made.model, used.calibrated) == (str(model), str(model))
    assert (made.align, used.align) == ("none", "none")
    assert used.pairs == made.out / "pairs.csv"


def test_no_list_with_labels(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate_model(model, [], device="cpu") is None
    told = capsys.readouterr().err
    assert "there is no list of pairs with labels" in told
    assert "PEOPLE holds a folder of photos for each person" in told
    assert len(_advice(told)) == 2


def test_pairs_that_carry_no_calibration(
    model: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*scores: np.ndarray, source: dict[str, object]) -> None:
        raise ValueError("genuine pairs do not score higher")

    monkeypatch.setattr(verification_lists, "fit", refuse)
    assert calibrate_model(model, [_one(data)], device="cpu") is None
    assert "pairs.txt: genuine pairs do not score higher" in capsys.readouterr().err


def test_the_command_that_scores_a_list(model: Path, data: Path) -> None:
    program, *words = shlex.split(score_command(model, _one(data)))
    assert (program, words[:2]) == ("python", ["-m", "eval.score"])
    a = score.parser().parse_args(words[2:])
    assert (a.pairs, a.images, a.model, a.align) == (data / "pairs.txt", data, str(model), "none")
    assert not a.allow_outside
    photos = data / "verification_data"
    photos.rename(data.parent / "other disk")
    photos.symlink_to(data.parent / "other disk")
    assert score.parser().parse_args(shlex.split(score_command(model, _one(data)))[3:]).allow_outside


def test_the_command_gives_the_scores_that_were_measured(model: Path, data: Path, tmp_path: Path) -> None:
    pairs = _one(data)
    words = shlex.split(score_command(model, pairs))[3:]
    out = tmp_path / "scores.csv"
    assert score.main([*words, "--out", str(out), "--no-cache", "--workers", "0", "--device", "cpu"]) == 0
    found = np.genfromtxt(out, delimiter=",", names=True, usecols=["score"])["score"]
    recognizer = FaceRecognizer(checkpoint.load(model), align="none", device="cpu")
    verifier = Verifier(pairs, recognizer.input)
    assert verifier.auc(lambda crops: recognizer.encode(crops, 64)) == pytest.approx(roc_auc_score(pairs.same, found))
