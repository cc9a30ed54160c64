from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator

from facecore import contact_sheet
from facecore.augment import PRESETS, augmentation

GAP = contact_sheet.GAP


def _cells(picture: np.ndarray, size: int) -> list[list[np.ndarray]]:
    step = size + GAP
    rows, columns = picture.shape[0] // step, picture.shape[1] // step
    cut = [(GAP + step * row, [GAP + step * column for column in range(columns)]) for row in range(rows)]
    return [[picture[top : top + size, left : left + size] for left in lefts] for top, lefts in cut]


def test_a_row_shows_the_face_and_what_training_sees(crops: list[np.ndarray]) -> None:
    picture = contact_sheet.sheet(crops, "hard", columns=4, seed=5)
    assert picture.shape == (2 * 116 + GAP, 4 * 116 + GAP, 3)
    assert (picture[:GAP] == 255).all()
    cells = _cells(picture, 112)
    generator = Generator().manual_seed(5)
    batch = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    columns = [augmentation("hard")(batch, 112, generator).permute(0, 2, 3, 1).numpy() for _ in range(3)]
    for number, (crop, row) in enumerate(zip(crops, cells, strict=True)):
        np.testing.assert_array_equal(row[0], crop)
        for shown, made in zip(row[1:], columns, strict=True):
            assert np.abs(shown / 255 - made[number]).max() <= 0.5 / 255 + 1e-6


def test_the_examples_are_found_and_aligned(
    tmp_path: Path, crops: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.png"
    assert contact_sheet.main(["--augment", "none", "--out", str(out), "--columns", "2"]) == 0
    assert capsys.readouterr().out == f"{out}: 2 photos, augmentation none\n"
    with Image.open(out) as picture:
        cells = _cells(np.asarray(picture), 112)
    for crop, row in zip(crops, cells, strict=True):
        np.testing.assert_array_equal(row[0], crop)
        np.testing.assert_array_equal(row[1], crop)
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.png"]


def test_cut_out_faces_at_another_size_for_every_preset(tmp_path: Path, crops: list[np.ndarray]) -> None:
    photo = tmp_path / "face.png"
    Image.fromarray(crops[0]).save(photo)
    for name in PRESETS:
        out = tmp_path / f"{name}.png"
        flags = ["--aligned", "--size", "64", "--columns", "3", "--augment", name, "--out", str(out)]
        assert contact_sheet.main([str(photo), *flags]) == 0
        with Image.open(out) as picture:
            assert picture.size == (3 * 68 + GAP, 68 + GAP)


def test_seeds_differ(crops: list[np.ndarray]) -> None:
    first, again, other = (contact_sheet.sheet(crops, "face", size=64, columns=3, seed=s) for s in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_a_photo_that_cannot_be_shown_is_named_and_left_out(
    tmp_path: Path, hopper_path: Path, coffee: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    cup, broken, out = tmp_path / "cup.png", tmp_path / "broken.jpg", tmp_path / "sheet.png"
    Image.fromarray(coffee[:96, :96]).save(cup)
    broken.write_bytes(b"no picture")
    assert contact_sheet.main([str(cup), str(broken), str(hopper_path), "--out", str(out), "--columns", "2"]) == 0
    said = capsys.readouterr()
    assert "1 photo, augmentation face" in said.out
    assert str(cup) in said.err
    assert str(broken) in said.err
    out.write_text("what was there before")
    assert contact_sheet.main([str(cup), "--out", str(out)]) == 2
    assert "no photo with a face" in capsys.readouterr().err
    assert out.read_text() == "what was there before"


def test_wrong_use(tmp_path: Path, crops: list[np.ndarray], capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(crops[0]).save(tmp_path / "face.png")
    aligned = [str(tmp_path / "face.png"), "--aligned"]
    out = str(tmp_path / "sheet.png")
    for flags, words in (
        (["--out", str(tmp_path / "sheet.jpg")], "must end in .png"),
        (["--out", out, "--columns", "1"], "2 or more are needed"),
        (["--out", out, "--size", "8"], "size 8 is too small"),
        (["--out", out, "--augment", "strong"], "invalid choice"),
    ):
        assert contact_sheet.main([*aligned, *flags]) == 2
        assert words in capsys.readouterr().err
    assert contact_sheet.main([*aligned, "--out", str(tmp_path / "no" / "sheet.png")]) == 3
    assert "cannot read or write" in capsys.readouterr().err
