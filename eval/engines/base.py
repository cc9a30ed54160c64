"""What all engines have in common: the work, and what comes back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from facecore.faces.detector import Policy
from facecore.spec import RecognizerSpec

Photo = Path | bytes

FINAL = ("ok", "ok:whole", "unreadable", "no_face", "several_faces")
"""Statuses that the same bytes will always get, and that may therefore be kept."""


@dataclass(frozen=True)
class Work:
    """What is done to each photo; small, so that it can travel to other processes and machines.

    Attributes:
        spec: how a recognizer is made.
        face: which face of several.
        batch_size: crops in one pass through the network. Part of the result: see `FaceRecognizer.encode`.
    """

    spec: RecognizerSpec
    face: Policy
    batch_size: int = 64


@dataclass(frozen=True)
class Embedded:
    """Some photos that are done.

    Attributes:
        rows: (n,) int64, which photos of the run these are.
        status: of each, see `facecore.results.Prepared.status`.
        matrix: (n, D) float32, rows of length one; a row of NaN where there is no embedding.
        quality: (n,) float32 in 0..1, see `facecore.faces.quality`; NaN where there is no face.
        keep: (n,) bool, whether the outcome will be the same next time. What a process that died or hung leaves behind
            need not be.
        problems: what there is to tell of photos that could not be used, by row.
    """

    rows: np.ndarray
    status: tuple[str, ...]
    matrix: np.ndarray
    quality: np.ndarray
    keep: np.ndarray
    problems: dict[int, str]


class Engine(Protocol):
    """Turns photos into embeddings, as fast as its machines can."""

    @property
    def name(self) -> str:
        """For the record of a run."""

    def run(self, work: Work, photos: Sequence[Photo]) -> Iterator[Embedded]:
        """The photos in pieces of some hundred at most, each photo once, in any order.

        Raises:
            FacecoreError: nothing can be done at all, for example because the model cannot be read.
        """
