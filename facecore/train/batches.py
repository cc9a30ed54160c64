"""The batches of a run, in the order of its steps, from the disk or from memory.

What a batch holds is a function of the seed, the step and the part alone, whoever makes it: so a run that was stopped
goes on with the very batches that it would have seen, and worker processes may be of any number.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.utils.data import Dataset

from facecore.augment import resize
from facecore.data.pictures import Bad, HeldPictures, Pictures, load_in_order
from facecore.errors import DataError
from facecore.train.distributed import Ranks
from facecore.train.state import step_generator
from facecore.transforms import Preset

Augment = Callable[[Tensor, int, Generator], Tensor]


class Sampler(Protocol):
    """Which rows a step takes."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which each row comes about once."""

    def rows(self, step: int) -> NDArray[np.int64]:
        """(batch_size,) int64, a function of the step alone."""


@dataclass(frozen=True)
class Part:
    """What one forward and backward pass takes.

    Attributes:
        faces: (N, 3, S, S) float32, normalised, channels last.
        labels: (N,) int64, -1 where unknown.
        rows: (N,) int64, rows of the training data.
        bad: what could not be read and was replaced.
        number: of the part among those of its batch.
    """

    faces: Tensor
    labels: Tensor
    rows: Tensor
    bad: list[Bad] = field(default_factory=list)
    number: int = 0

    def __len__(self) -> int:
        return len(self.faces)

    def pieces(self, count: int) -> list["Part"]:
        """The same in `count` pieces, or as many as there are samples."""
        cut = (self.faces.chunk(count), self.labels.chunk(count), self.rows.chunk(count))
        return [Part(*piece, number=self.number) for piece in zip(*cut, strict=True)]

    def pin_memory(self) -> "Part":
        """The same in memory that a GPU can fetch from while the processor goes on; PyTorch's loader asks for it."""
        return replace(
            self, faces=self.faces.pin_memory(), labels=self.labels.pin_memory(), rows=self.rows.pin_memory()
        )


@dataclass(frozen=True)
class Batches:
    """Makes any batch of a run. Can be sent to worker processes where its pictures can.

    Attributes:
        pictures: what to train on.
        sampler: which rows a step takes.
        preset: how the network's input is normalised.
        augment: changes faces at random; None only resizes.
        size_at: input size in pixels at a step.
        seed: of the augmentation.
        parts: pieces that each batch is cut into.
    """

    pictures: Pictures
    sampler: Sampler
    preset: Preset
    augment: Augment | None
    size_at: Callable[[int], int]
    seed: int
    parts: int = 1

    def read(self, step: int, part: int) -> Part:
        """One part with its faces as they are: uint8, of the pictures' size."""
        rows = self.sampler.rows(step).reshape(self.parts, -1)[part]
        faces, taken, bad = self.pictures.take(rows)
        labels = torch.from_numpy(self.pictures.labels[taken])
        return Part(faces, labels, torch.from_numpy(taken), bad, part)

    def finish(self, raw: Part, step: int, part: int) -> Part:
        """A part ready for the network: augmented, resized and normalised where it is."""
        size = self.size_at(step)
        if self.augment is None:
            faces = resize(raw.faces, size).float().div_(255)
        else:
            faces = self.augment(raw.faces, size, step_generator(self.seed, step, part))
        ready = self.preset.normalise(faces).contiguous(memory_format=torch.channels_last)
        return replace(raw, faces=ready)

    def make(self, step: int, part: int) -> Part:
        """One part, from the row numbers to the network's input."""
        return self.finish(self.read(step, part), step, part)


class _Steps(Dataset[Part | DataError]):
    """The parts of one rank, numbered in the order in which they are needed, for worker processes."""

    def __init__(self, batches: Batches, steps: range, own: range, finished: bool) -> None:
        self.batches = batches
        self.steps = steps
        self.own = own
        self.finished = finished

    def __len__(self) -> int:
        return len(self.steps) * len(self.own)

    def __getitem__(self, number: int) -> Part | DataError:
        step, part = self.steps[number // len(self.own)], self.own[number % len(self.own)]
        try:
            return self.batches.make(step, part) if self.finished else self.batches.read(step, part)
        except DataError as error:
            return error


@dataclass(frozen=True)
class Loading:
    """How batches are brought to the network.

    Attributes:
        device: the network's.
        workers: processes that read and, for a network on the processor, augment; 0 does it in this process.
        start: "fork", "spawn" or "forkserver"; None for the platform's own.
    """

    device: torch.device
    workers: int = 0
    start: str | None = None


def walk(batches: Batches, first: int, last: int, loading: Loading, ranks: Ranks) -> Iterator[list[Part]]:
    """The batches of the steps from `first` to before `last`: each as the parts that fall to this rank.

    Faces are augmented on a GPU where there is one, otherwise by the workers, or in this process where the pictures are
    in memory.

    Raises:
        DataError: hardly any picture can be read.
    """
    own = range(ranks.rank, batches.parts, ranks.world)
    if first >= last:
        return
    held = isinstance(batches.pictures, HeldPictures)
    workers = 0 if held else loading.workers
    on_gpu = loading.device.type != "cpu"
    if workers == 0:
        for step in range(first, last):
            parts = (batches.read(step, part) for part in own)
            moved = [_move(part, loading.device) for part in parts]
            yield [batches.finish(raw, step, part) for raw, part in zip(moved, own, strict=True)]
        return
    steps = _Steps(batches, range(first, last), own, finished=not on_gpu)
    parts_in_order = load_in_order(steps, workers, loading.start, pinned=loading.device.type == "cuda")
    for step in range(first, last):
        taken = [next(parts_in_order) for _ in own]
        if on_gpu:
            taken = [
                batches.finish(_move(raw, loading.device), step, part) for raw, part in zip(taken, own, strict=True)
            ]
        yield taken


def _move(part: Part, device: torch.device) -> Part:
    faces, labels, rows = (x.to(device, non_blocking=True) for x in (part.faces, part.labels, part.rows))
    return replace(part, faces=faces, labels=labels, rows=rows)
