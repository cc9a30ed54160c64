"""The worst mistakes, as pictures."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from eval.report.sample import Sample
from eval.resolve import Resolver
from facecore import image
from facecore.errors import ImageError

SIDE = 168  # pixels of the longer side of a thumbnail
QUALITY = 82
CLOSEST = 6
"""So many pairs are shown where none is a mistake."""


@dataclass(frozen=True)
class Mistake:
    """A pair that a threshold gets wrong, or nearly.

    Attributes:
        row: place in the table, from 0.
        left: the photo's name, empty where the table has none.
        right: likewise.
        score: as given.
    """

    row: int
    left: str
    right: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """All attributes."""
        return dict(vars(self))


@dataclass(frozen=True)
class Mistakes:
    """The worst pairs of one kind, the worst first.

    Attributes:
        pairs: as many as were asked for, or all that there are.
        total: mistakes of this kind among scored pairs; None without a threshold. Where there are none, `pairs` holds
            those that come closest to being one.
    """

    pairs: tuple[Mistake, ...]
    total: int | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {"total": self.total, "pairs": [pair.to_dict() for pair in self.pairs]}


@dataclass(frozen=True)
class Worst:
    """Impostor pairs with the highest scores, and genuine pairs with the lowest."""

    false_accepts: Mistakes
    false_rejects: Mistakes

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {"false_accepts": self.false_accepts.to_dict(), "false_rejects": self.false_rejects.to_dict()}


def find_worst(table: pd.DataFrame, sample: Sample, threshold: float | None, number: int, sign: int) -> Worst:
    """The `number` worst false accepts and false rejects among scored pairs; threshold in the sample's direction."""
    found = []
    for kind, direction in ((~sample.same, -1), (sample.same, 1)):
        chosen, total, shown = kind & sample.scored, None, number
        if threshold is not None:
            wrong = chosen & ((sample.scores >= threshold) != sample.same)
            total = int(wrong.sum())
            chosen, shown = (wrong, number) if total else (chosen, min(number, CLOSEST))
        places = np.flatnonzero(chosen)
        worst = places[np.argsort(direction * sample.scores[places], kind="stable")[:shown]]
        pairs = (_mistake(table, int(sample.rows[p]), sign * float(sample.scores[p])) for p in worst)
        found.append(Mistakes(tuple(pairs), total))
    return Worst(*found)


class Thumbnails:
    """Small pictures of photos as data URIs, each photo read once.

    Args:
        resolver: finds the files, inside the image root alone; None where the root is not known.
    """

    def __init__(self, resolver: Resolver | None) -> None:
        self._resolver = resolver
        self._made: dict[str, tuple[str, str]] = {}

    @property
    def wanted(self) -> bool:
        """Whether photos can be looked for at all."""
        return self._resolver is not None

    def get(self, name: str) -> tuple[str, str]:
        """A data URI, or "" and what is wrong with the photo."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> tuple[str, str]:
        if self._resolver is None or not name:
            return "", "no photo"
        path = self._resolver.find(name)
        if not isinstance(path, Path):
            return "", {"missing": "this photo is not there", "outside_root": "outside the image folder"}[path]
        try:
            rgb = image.load(path)
        except ImageError:
            return "", "this photo cannot be read"
        small = Image.fromarray(rgb)
        small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=QUALITY, optimize=True)  # pixels alone: no EXIF of the photo gets in
        return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"), ""


def _mistake(table: pd.DataFrame, row: int, score: float) -> Mistake:
    names = [str(table[side].iloc[row]) if side in table else "" for side in ("left", "right")]
    return Mistake(row, names[0], names[1], score)
