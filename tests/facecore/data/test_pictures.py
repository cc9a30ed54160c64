import pickle
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facecore import image
from facecore.data import pictures as module
from facecore.data.folder import find_photos, scan_folder
from facecore.data.pictures import FilePictures, as_tensor, hold, row_loader
from facecore.errors import DataError
from facecore.transforms import preset

CPU = torch.device("cpu")
PRESET = preset("aligned", 64)


@pytest.fixture
def tree(tmp_path: Path, crops: list[np.ndarray]) -> Path:
    """Seven photos of two people, of several sizes."""
    for number in range(7):
        path = tmp_path / "tree" / ("ann" if number < 4 else "ben") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(np.roll(crops[number // 4], 5 * number, axis=1))
        picture.resize((64 + 8 * number, 64 + 8 * number)).save(path)
    return tmp_path / "tree"


@pytest.fixture
def spoilt(tree: Path) -> FilePictures:
    """The same, the fourth and fifth damaged."""
    (tree / "ann" / "3.png").write_bytes(b"no image")
    (tree / "ben" / "4.png").write_bytes((tree / "ben" / "5.png").read_bytes()[:300])
    return FilePictures(scan_folder(tree), PRESET)


def _fitted(tree: Path, name: str) -> np.ndarray:
    return PRESET.fit(image.load(tree / name)).transpose(2, 0, 1)


def test_files_are_read_as_the_preset_asks(tree: Path) -> None:
    pictures = FilePictures(scan_folder(tree), PRESET)
    faces, rows, bad = pictures.take(np.array([5, 0, 5]))
    assert faces.dtype == torch.uint8
    assert faces.shape == (3, 3, 64, 64)
    assert faces.is_contiguous(memory_format=torch.channels_last)
    for face, name in zip(faces, ("ben/5.png", "ann/0.png", "ben/5.png"), strict=True):
        np.testing.assert_array_equal(face.numpy(), _fitted(tree, name))
    assert rows.tolist() == [5, 0, 5]
    assert bad == []
    assert pictures.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert (len(pictures), pictures.name(5)) == (7, "ben/5.png")


def test_whole_photos_are_cut_as_the_reference_does(tree: Path) -> None:
    whole = preset("reference", 64)
    faces, _, _ = FilePictures(find_photos(tree), whole).take(np.array([6]))
    expected = whole.fit(image.load(tree / "ben" / "6.png"))
    np.testing.assert_array_equal(faces[0].permute(1, 2, 0).numpy(), expected)


def test_what_cannot_be_read_is_replaced_by_the_next(spoilt: FilePictures) -> None:
    faces, rows, bad = spoilt.take(np.array([2, 3, 4]))
    assert rows.tolist() == [2, 5, 5]
    assert torch.equal(faces[1], faces[2])
    assert [row for row, _ in bad] == [3, 4, 4]
    assert all("png" in reason for _, reason in bad)


def test_the_next_of_the_last_is_the_first(tree: Path) -> None:
    (tree / "ben" / "6.png").unlink()
    pictures = FilePictures(scan_folder(tree), PRESET)
    (tree / "ben" / "5.png").unlink()  # gone since the folder was listed
    _, rows, bad = pictures.take(np.array([5]))
    assert rows.tolist() == [0]
    assert bad[0][0] == 5


def test_a_folder_of_damaged_images(tree: Path) -> None:
    for path in tree.glob("*/*.png"):
        path.write_bytes(b"no image")
    pictures = FilePictures(scan_folder(tree), PRESET)
    with pytest.raises(DataError, match="tree: 7 images in a row cannot be read, the last: "):
        pictures.take(np.array([0]))


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_worker_is_one_line(tree: Path, workers: int) -> None:
    for path in tree.glob("*/*.png"):
        path.write_bytes(b"no image")
    pictures = FilePictures(scan_folder(tree), PRESET)
    with pytest.raises(DataError, match="7 images in a row") as caught:
        list(row_loader(pictures, np.arange(7), 4, workers, "fork" if workers else None))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("workers", [0, 2, 16])
def test_pieces_come_in_the_order_of_the_rows(spoilt: FilePictures, workers: int) -> None:
    rows = np.array([6, 3, 0, 1, 2])
    pieces = list(row_loader(spoilt, rows, 2, workers, "fork" if workers else None))
    assert [taken.tolist() for _, taken, _ in pieces] == [[6, 5], [0, 1], [2]]
    assert [len(bad) for _, _, bad in pieces] == [2, 0, 0]
    for faces, taken, _ in pieces:
        assert torch.equal(faces, spoilt.take(taken)[0])


def test_no_rows_no_pieces(spoilt: FilePictures) -> None:
    assert list(row_loader(spoilt, np.arange(0), 4, 2)) == []


def test_held_pictures_are_those_of_the_files(spoilt: FilePictures, capsys: pytest.CaptureFixture[str]) -> None:
    held = hold(spoilt, CPU, 0)
    rows = np.array([6, 4, 0, 3])
    faces, taken, bad = held.take(rows)
    expected, expected_taken, _ = spoilt.take(rows)
    assert torch.equal(faces, expected)
    assert faces.is_contiguous(memory_format=torch.channels_last)
    assert taken.tolist() == expected_taken.tolist() == [6, 5, 0, 5]
    assert held.labels[taken].tolist() == spoilt.labels[expected_taken].tolist()
    assert bad == []  # told once, where they were read
    assert {held.name(row) for row, _ in held.bad} == {"ann/3.png", "ben/4.png"}
    assert len(held) == 7
    # A row that holds another picture has that picture's label, whichever way it is asked for.
    assert held.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_held_pictures_ask_for_no_worker(spoilt: FilePictures, monkeypatch: pytest.MonkeyPatch) -> None:
    held = hold(spoilt, CPU, 0)
    made: list[int] = []
    loader: Callable[..., object] = module.DataLoader
    monkeypatch.setattr(module, "DataLoader", lambda *a, **k: made.append(k["num_workers"]) or loader(*a, **k))
    assert len(list(row_loader(held, np.arange(7), 4, 3))) == 2
    assert made == [0]


def test_files_travel_to_workers_small(tree: Path) -> None:
    pictures = FilePictures(scan_folder(tree), PRESET)
    sent = pickle.dumps(pictures)
    assert len(sent) < 2000
    assert torch.equal(pickle.loads(sent).take(np.array([1]))[0], pictures.take(np.array([1]))[0])


def test_workers_leave_interrupts_to_the_main_process() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        module.ignore_interrupts(0)
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_arrays_become_tensors_without_a_copy(crops: list[np.ndarray]) -> None:
    stacked = np.stack(crops)
    tensor = as_tensor(stacked)
    assert tensor.shape == (2, 3, 112, 112)
    assert tensor.data_ptr() == stacked.ctypes.data
    assert tensor[1, 2, 5, 7] == stacked[1, 5, 7, 2]
