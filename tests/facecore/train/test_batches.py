from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from facecore.augment import resize
from facecore.data.folder import scan_folder
from facecore.data.pictures import FilePictures, hold
from facecore.data.samplers import Shuffled
from facecore.errors import DataError
from facecore.train.batches import Batches, Loading, Part, walk
from facecore.train.distributed import Ranks
from facecore.train.plan import Phase, Plan
from facecore.transforms import preset

CPU = torch.device("cpu")
PRESET = preset("aligned", 64)
PLAN = Plan([Phase(64, 24), Phase(80, 12)], 6, 0.1, 0)


def noisy(faces: Tensor, size: int, generator: Generator) -> Tensor:
    """An augmentation that shows each random number that it was given."""
    noise = torch.rand(len(faces), 3, size, size, generator=generator)
    return resize(faces, size).float().div(255).add(noise).contiguous(memory_format=torch.channels_last)


@pytest.fixture
def files(people: Path) -> FilePictures:
    return FilePictures(scan_folder(people / "train_data"), PRESET)


def _batches(files: FilePictures, parts: int = 1, held: bool = False) -> Batches:
    pictures = hold(files, CPU, 0, progress=False) if held else files
    return Batches(pictures, Shuffled(len(files), 6, seed=1), PRESET, noisy, PLAN.size_at, seed=5, parts=parts)


def _same(some: Iterator[list[Part]] | list[list[Part]], others: Iterator[list[Part]] | list[list[Part]]) -> bool:
    pairs = [pair for one, other in zip(some, others, strict=True) for pair in zip(one, other, strict=True)]
    assert pairs
    return all(
        torch.equal(one.faces, other.faces)
        and torch.equal(one.labels, other.labels)
        and torch.equal(one.rows, other.rows)
        and one.number == other.number
        for one, other in pairs
    )


def test_a_part_is_made_as_the_formula_says(files: FilePictures) -> None:
    batches = _batches(files)
    part = batches.make(2, 0)
    rows = Shuffled(len(files), 6, seed=1).rows(2)
    assert part.rows.tolist() == rows.tolist()
    assert part.labels.tolist() == files.labels[rows].tolist()
    assert part.faces.shape == (6, 3, 64, 64)
    assert part.faces.dtype == torch.float32
    assert part.faces.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(part.faces, batches.make(2, 0).faces)
    assert not torch.equal(part.faces, batches.make(3, 0).faces)


def test_without_augmentation_faces_are_only_normalised(files: FilePictures) -> None:
    batches = Batches(files, Shuffled(len(files), 6, 1), PRESET, None, lambda step: 64, seed=5)
    part = batches.make(0, 0)
    expected = files.take(part.rows.numpy())[0].float() / 255 * 2 - 1
    torch.testing.assert_close(part.faces, expected)


def test_the_size_is_that_of_the_plan(files: FilePictures) -> None:
    batches = _batches(files)
    assert [batches.make(step, 0).faces.shape[-1] for step in (3, 4)] == [64, 80]


def test_parts_make_up_the_batch_and_share_no_random_numbers(files: FilePictures) -> None:
    batches = _batches(files, parts=3)
    parts = [batches.make(1, part) for part in range(3)]
    assert torch.cat([part.rows for part in parts]).tolist() == batches.sampler.rows(1).tolist()
    assert [part.number for part in parts] == [0, 1, 2]
    noise = [part.faces / 2 + 0.5 - files.take(part.rows.numpy())[0] / 255 for part in parts]
    assert not torch.allclose(noise[0], noise[1], atol=0.01)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_workers_and_memory_change_nothing(files: FilePictures, parts: int) -> None:
    one = list(walk(_batches(files, parts), 1, 6, Loading(CPU), Ranks()))
    assert [len(step) for step in one] == [parts] * 5
    assert _same(one, walk(_batches(files, parts), 1, 6, Loading(CPU, 3, "fork"), Ranks()))
    assert _same(one, walk(_batches(files, parts, held=True), 1, 6, Loading(CPU, 3), Ranks()))
    later = walk(_batches(files, parts), 4, 6, Loading(CPU, 2, "fork"), Ranks())
    assert _same(one[3:], later)  # wherever it begins


@pytest.mark.parametrize(("world", "parts"), [(2, 2), (2, 6), (3, 3)])
def test_ranks_share_out_the_parts(files: FilePictures, world: int, parts: int) -> None:
    one = list(walk(_batches(files, parts), 0, 3, Loading(CPU), Ranks()))
    shares = [
        list(walk(_batches(files, parts), 0, 3, Loading(CPU, workers, "fork" if workers else None), Ranks(rank, world)))
        for rank, workers in zip(range(world), (0, 2, 0), strict=False)
    ]
    for step in range(3):
        numbers = [part.number for share in shares for part in share[step]]
        assert sorted(numbers) == list(range(parts))
        for share in shares:
            assert _same([[one[step][part.number] for part in share[step]]], [share[step]])


@pytest.mark.slow
@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_workers_may_be_started_afresh(files: FilePictures, start: str) -> None:
    def batches() -> Batches:
        return Batches(files, Shuffled(len(files), 6, 1), PRESET, None, PLAN.size_at, seed=5, parts=2)

    one = walk(batches(), 0, 4, Loading(CPU), Ranks())
    assert _same(one, walk(batches(), 0, 4, Loading(CPU, 2, start), Ranks()))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_image_is_replaced_and_named(people: Path, workers: int) -> None:
    (people / "train_data" / "ann" / "1.png").write_bytes(b"no image")
    files = FilePictures(scan_folder(people / "train_data"), PRESET)
    loading = Loading(CPU, workers, "fork" if workers else None)
    parts = [part for step in walk(_batches(files, 2), 0, 3, loading, Ranks()) for part in step]
    bad = [row for part in parts for row, _ in part.bad]
    assert bad == [1]
    rows = torch.cat([part.rows for part in parts]).tolist()
    assert sorted(rows) == sorted([*range(1), 2, *range(2, 18)])
    held = hold(files, CPU, 0, progress=False)
    again = Batches(held, Shuffled(len(files), 6, 1), PRESET, noisy, PLAN.size_at, 5, 2)
    assert _same(walk(again, 0, 3, Loading(CPU), Ranks()), walk(_batches(files, 2), 0, 3, Loading(CPU), Ranks()))


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_worker_is_one_line(people: Path, workers: int) -> None:
    files = FilePictures(scan_folder(people / "train_data"), PRESET)
    for path in (people / "train_data").glob("*/*"):
        path.unlink()
    with pytest.raises(DataError, match="18 images in a row cannot be read") as caught:
        list(walk(_batches(files), 0, 2, Loading(CPU, workers, "fork" if workers else None), Ranks()))
    assert "\n" not in str(caught.value)


def test_no_steps_no_batches(files: FilePictures) -> None:
    assert list(walk(_batches(files), 6, 6, Loading(CPU, 2), Ranks())) == []


@pytest.mark.slow
@pytest.mark.parametrize(("count", "sizes"), [(1, [6]), (2, [3, 3]), (4, [2, 2, 2]), (6, [1] * 6), (9, [1] * 6)])
def test_pieces_of_a_part(count: int, sizes: list[int]) -> None:
    part = Part(torch.rand(6, 3, 4, 4), torch.arange(6) % 3, torch.arange(6), [(3, "bad")], number=4)
    pieces = part.pieces(count)
    assert [len(piece) for piece in pieces] == sizes
    assert all(piece.number == 4 for piece in pieces)
    for name in ("faces", "labels", "rows"):
        assert torch.equal(torch.cat([getattr(piece, name) for piece in pieces]), getattr(part, name))


def test_a_loader_can_pin_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[Tensor] = []
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor)
    part = Part(torch.rand(2, 3, 4, 4), torch.arange(2), torch.arange(2), [(1, "bad")], number=3)
    assert part.pin_memory() == part
    assert [id(tensor) for tensor in pinned] == [id(part.faces), id(part.labels), id(part.rows)]
