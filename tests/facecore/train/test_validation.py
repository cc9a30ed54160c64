from pathlib import Path

import pytest
import torch
from torch import Tensor

from facecore.data.folder import scan_folder
from facecore.data.pictures import FilePictures, hold
from facecore.train.batches import Loading
from facecore.train.distributed import Ranks
from facecore.train.validation import Accuracy, accuracy
from facecore.transforms import preset

PRESET = preset("aligned", 64)
CPU = torch.device("cpu")


def _name(faces: Tensor) -> Tensor:
    """An opinion that depends on the face alone, and is sometimes right."""
    assert faces.dtype == torch.float32
    assert faces.min() >= -1
    assert faces.is_contiguous(memory_format=torch.channels_last)
    return ((faces[:, 1, 30, 30] + 1) * 127.5).round().long() % 3


@pytest.fixture
def pictures(people: Path) -> FilePictures:
    (people / "val_data" / "cai" / "2.png").unlink()  # eight images
    (people / "val_data" / "cai" / "1.png").unlink()  # seven
    return FilePictures(scan_folder(people / "val_data", ("ann", "ben", "cai")), PRESET)


def _by_hand(pictures: FilePictures, rows: list[int]) -> float:
    """One image after another."""
    right = 0
    for row in rows:
        x = PRESET.batch([pictures.read(row)]).contiguous(memory_format=torch.channels_last)
        right += int(_name(x)[0] == pictures.labels[row])
    return right / len(rows)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 128])
@pytest.mark.parametrize("workers", [0, 2])
def test_each_image_counts_once(pictures: FilePictures, batch_size: int, workers: int) -> None:
    loading = Loading(CPU, workers, "fork" if workers else None)
    found = accuracy(_name, pictures, PRESET, 64, loading, Ranks(), batch_size=batch_size)
    expected = _by_hand(pictures, list(range(7)))
    assert 0 < expected < 1
    assert found == Accuracy(pytest.approx(expected), 7, 0)


def test_pictures_in_memory(pictures: FilePictures) -> None:
    held = hold(pictures, CPU, 0, progress=False)
    assert accuracy(_name, held, PRESET, 64, Loading(CPU), Ranks()).value == pytest.approx(
        _by_hand(pictures, [*range(7)])
    )


def test_what_cannot_be_read_is_left_out_and_not_counted_twice(people: Path, pictures: FilePictures) -> None:
    (people / "val_data" / "ben" / "0.png").write_bytes(b"no image")
    (people / "val_data" / "cai" / "0.png").write_bytes(b"no image")
    rows = [0, 1, 2, 4, 5]
    for size in (2, 128):
        found = accuracy(_name, pictures, PRESET, 64, Loading(CPU), Ranks(), batch_size=size)
        assert found == Accuracy(pytest.approx(_by_hand(pictures, rows)), 5, 2)


def test_ranks_share_the_images_and_none_counts_twice(pictures: FilePictures, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Tensor] = []
    monkeypatch.setattr(Ranks, "total", lambda self, counts: given.append(counts.clone()) or counts)
    for rank in range(2):
        accuracy(_name, pictures, PRESET, 64, Loading(CPU), Ranks(rank, 2), batch_size=2)
    assert [counts[1].item() for counts in given] == [4, 3]  # seven is odd: nothing is added to make it even
    right, images = sum(given).tolist()
    assert right / images == pytest.approx(_by_hand(pictures, list(range(7))))


def test_a_rank_without_images_takes_part(pictures: FilePictures, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Tensor] = []
    monkeypatch.setattr(Ranks, "total", lambda self, counts: given.append(counts.clone()) or counts)
    found = accuracy(_name, pictures, PRESET, 64, Loading(CPU, 2), Ranks(8, 9))
    assert given[0].tolist() == [0, 0]
    assert found.value == 0


def test_the_input_may_be_of_another_size(pictures: FilePictures) -> None:
    sizes = []

    def name(faces: Tensor) -> Tensor:
        sizes.append(faces.shape[-1])
        return torch.zeros(len(faces), dtype=torch.int64)

    found = accuracy(name, pictures, PRESET, 80, Loading(CPU), Ranks())
    assert sizes == [80]
    assert found.value == pytest.approx(3 / 7)
