"""Pictures to train on, by row: files that are read when they are needed, or all of them in memory."""

import signal
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from facecore import image
from facecore.data.folder import FaceFolder
from facecore.errors import DataError, ImageError
from facecore.transforms import Preset

Item = TypeVar("Item")

Bad = tuple[int, str]
"""Row of a picture that cannot be read, and why."""


class Pictures(Protocol):
    """Pictures of one size, with labels."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64, -1 where unknown."""

    def __len__(self) -> int: ...

    def name(self, row: int) -> str:
        """What to call a picture in a message."""

    def take(self, rows: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64], list[Bad]]:
        """Pictures: (M, 3, S, S) uint8, (M,) the rows that they really are, and what could not be read.

        Each row that cannot be read is replaced by the next one that can, so that a batch keeps its size.

        Raises:
            DataError: hardly any picture can be read.
        """


@dataclass(frozen=True)
class FilePictures:
    """Pictures in files, read each time; safe to send to other processes.

    Attributes:
        folder: where they are.
        preset: how they are brought to one size.
    """

    folder: FaceFolder
    preset: Preset

    TRIES: ClassVar = 100

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64, -1 where unknown."""
        return self.folder.labels

    def __len__(self) -> int:
        return len(self.folder)

    def name(self, row: int) -> str:
        """The path, relative to the folder."""
        return self.folder.name(row)

    def read(self, row: int) -> image.Pixels:
        """One picture, uint8 (S, S, 3).

        Raises:
            ImageError: it cannot be read.
        """
        return self.preset.fit(image.load(self.folder.path(row)))

    def take(self, rows: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64], list[Bad]]:
        """See `Pictures.take`."""
        pictures, taken, bad = [], [], list[Bad]()
        for row in rows:
            picture, row = self._readable(int(row), bad)
            pictures.append(picture)
            taken.append(row)
        return as_tensor(np.stack(pictures)), np.array(taken, np.int64), bad

    def _readable(self, row: int, bad: list[Bad]) -> tuple[image.Pixels, int]:
        for _ in range(min(self.TRIES, len(self))):
            try:
                return self.read(row), row
            except ImageError as error:
                bad.append((row, str(error)))
                row = (row + 1) % len(self)
        tries = min(self.TRIES, len(self))
        raise DataError(f"{self.folder.root}: {tries} images in a row cannot be read, the last: {bad[-1][1]}")


@dataclass(frozen=True)
class HeldPictures:
    """Pictures in memory, on the device where they are used.

    Attributes:
        faces: (N, 3, S, S) uint8 RGB.
        known: (N,) int64 labels, -1 where unknown.
        name: what to call the picture of a row in a message.
        bad: what could not be read; those rows hold another picture, and `rows` says which.
        rows: (N,) int64, the row that each picture really is.
    """

    faces: Tensor
    known: NDArray[np.int64]
    name: Callable[[int], str]
    bad: tuple[Bad, ...] = ()
    rows: NDArray[np.int64] | None = None

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64, -1 where unknown."""
        return self.known

    def __len__(self) -> int:
        return len(self.faces)

    def take(self, rows: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64], list[Bad]]:
        """See `Pictures.take`."""
        taken = rows if self.rows is None else self.rows[rows]
        places = torch.from_numpy(rows).to(self.faces.device, non_blocking=True)  # a GPU need not be waited for
        return self.faces[places], taken, []


Taken = tuple[Tensor, NDArray[np.int64], list[Bad]]
"""What `Pictures.take` gives."""


class _Rows(Dataset[Taken | DataError]):
    """Pieces of rows, for worker processes."""

    def __init__(self, pictures: Pictures, pieces: list[NDArray[np.int64]]) -> None:
        self.pictures = pictures
        self.pieces = pieces

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, piece: int) -> Taken | DataError:
        try:
            return self.pictures.take(self.pieces[piece])
        except DataError as error:
            return error


def row_loader(
    pictures: Pictures, rows: NDArray[np.int64], batch_size: int, workers: int, start: str | None = None
) -> Iterator[Taken]:
    """What `take` gives for some rows, in their order, piece by piece, read by worker processes.

    Args:
        pictures: those in memory are taken in this process whatever `workers` says.
        rows: (M,) int64.
        batch_size: rows in a piece.
        workers: processes.
        start: "fork", "spawn" or "forkserver"; None for the platform's own.

    Raises:
        DataError: hardly any picture can be read.
    """
    pieces = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    workers = 0 if isinstance(pictures, HeldPictures) else min(workers, len(pieces))
    return load_in_order(_Rows(pictures, pieces), workers, start)


def load_in_order(
    items: Dataset[Item | DataError], workers: int, start: str | None = None, pinned: bool = False
) -> Iterator[Item]:
    """The items of a dataset in their order, made by worker processes ahead of time.

    Args:
        items: gives errors as values: raised in a worker they would arrive with a traceback in their message.
        workers: processes; 0 makes them in this one.
        start: "fork", "spawn" or "forkserver"; None for the platform's own.
        pinned: put them into memory that a GPU can fetch from by itself.

    Raises:
        DataError: one of the items.
    """
    with warnings.catch_warnings():
        # More workers than cores are the user's choice: they may wait for a disk.
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        loader = DataLoader(
            items,
            batch_size=None,
            collate_fn=as_is,
            num_workers=workers,
            multiprocessing_context=start if workers else None,
            pin_memory=pinned,
            worker_init_fn=ignore_interrupts,
        )
        loaded = iter(loader)
    for item in loaded:
        if isinstance(item, DataError):
            raise item
        yield item


def ignore_interrupts(worker: int) -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the main one: it ends its step and then the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def hold(
    pictures: FilePictures, device: torch.device, workers: int, start: str | None = None, progress: bool = True
) -> HeldPictures:
    """All pictures read once and kept: 3 * S * S bytes each.

    Raises:
        DataError: hardly any can be read.
    """
    count, size = len(pictures), pictures.preset.size
    faces = torch.empty(count, 3, size, size, dtype=torch.uint8, device=device, memory_format=torch.channels_last)
    rows, bad = np.arange(count), list[Bad]()
    done = 0
    with tqdm(total=count, desc="reading images", unit="image", disable=not progress, mininterval=1, delay=1) as bar:
        for piece, taken, unreadable in row_loader(pictures, rows.copy(), 64, workers, start):
            faces[done : done + len(piece)] = piece.to(device)
            rows[done : done + len(piece)] = taken
            bad += unreadable
            done += len(piece)
            bar.update(len(piece))
    known = pictures.labels[rows]
    return HeldPictures(faces, known, pictures.name, tuple(bad), rows)


def as_is(item: Item) -> Item:
    """What a loader shall hand on unchanged."""
    return item


def as_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """(N, S, S, 3) uint8 -> (N, 3, S, S), channels last in memory."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)
