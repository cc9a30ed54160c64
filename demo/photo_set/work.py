"""Uploads to a sorted set: a face from each photo, a score for every pair, an order and groups."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from demo.photo_set import text
from demo.photo_set.groups import Grouping, group
from demo.uploads import MAX_BYTES, RefusedUpload, Upload, upload_path
from eval.index import PairIndex
from eval.scoring import Scored, Sides
from facecore.errors import FacecoreError, NoFaceError
from facecore.image import photo_name
from facecore.recognizer import FaceRecognizer, decision_threshold
from facecore.verification.pairs import PairSource
from facecore.verification.scores import cosines

FEWEST, MOST = 2, 30  # photos
BATCH = 32  # crops in one pass through the network, more than a set has

Tell = Callable[[int], None]


@dataclass(frozen=True)
class Photo:
    """A photo of the set; the photo itself is not kept.

    Attributes:
        name: as it was called where it came from; no two of a set are alike.
        status: see `facecore.results.Prepared.status`.
        error: why there is no face, for people; None where there is one.
        crop: what the network sees, uint8 (size, size, 3); None without a face.
        quality: 0..1, see `facecore.faces.quality`; NaN without a face.
    """

    name: str
    status: str
    error: str | None
    crop: np.ndarray | None
    quality: float


@dataclass(frozen=True)
class SortedSet:
    """A set with a score for every pair of its usable photos.

    Attributes:
        photos: all of them, in the order in which they came.
        usable: (U,) places of those with a face, in the same order.
        scored: the pairs of usable photos (0, 1), (0, 2), ...; places are those in `usable`.
        grouping: of the usable photos, places are those in `usable`.
        threshold: score from which on the verdict is "same"; None for a model without a calibration.
    """

    photos: tuple[Photo, ...]
    usable: tuple[int, ...]
    scored: Scored
    grouping: Grouping
    threshold: float | None

    @property
    def source(self) -> PairSource:
        """The pairs as a list, which `Scored.tables` takes."""
        names = [self.photos[place].name for place in self.usable]
        left, right = self.scored.index.left, self.scored.index.right
        table = pd.DataFrame({"left": [names[i] for i in left], "right": [names[i] for i in right]})
        return PairSource("csv", len(table) + 1, "", "the set", None, lambda: iter([table]))

    def table(self) -> pd.DataFrame:
        """One row a pair: left, right, score, probability, decision, status."""
        return pd.concat(list(self.scored.tables(self.source)), ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures, ready for JSON; places are those in `photos`."""
        table, index = self.table(), self.scored.index
        probabilities = table["probability"].astype(object).where(table["probability"].notna(), None)
        pairs = zip(index.left, index.right, table["score"], probabilities, table["decision"], strict=True)
        groups = self.grouping.groups
        return {
            "why_not": None,
            "model": self.scored.model.name,
            "threshold": self.threshold,
            "photos": [{"name": p.name, "status": p.status, "error": p.error} for p in self.photos],
            "order": [self.usable[place] for place in self.grouping.order],
            "groups": None if groups is None else [[self.usable[place] for place in places] for places in groups],
            "pairs": [
                {
                    "left": self.usable[left],
                    "right": self.usable[right],
                    "score": float(score),
                    "probability": probability,
                    "decision": decision or None,
                }
                for left, right, score, probability, decision in pairs
            ],
        }


def names_of(uploads: Sequence[Upload]) -> list[str]:
    """A printable name for each upload, no two alike."""
    taken: set[str] = set()
    names = []
    for number, upload in enumerate(uploads, 1):
        given = upload.get("orig_name") or os.path.basename(str(upload.get("path") or ""))
        name = photo_name(str(given)[:200]) if given else text.unnamed(number)
        copy = 2
        while (unique := name if copy == 2 and name not in taken else text.again(name, copy)) in taken:
            copy += 1
        taken.add(unique)
        names.append(unique)
    return names


def read_photos(recognizer: FaceRecognizer, uploads: Sequence[Upload], pool: Executor, tell: Tell) -> list[Photo]:
    """Find the largest face of each photo.

    Args:
        recognizer: finds it.
        uploads: of Gradio.
        pool: where photos are read, several at once.
        tell: is told how many are done, after each.
    """
    waiting = [
        pool.submit(_read, recognizer, name, upload) for name, upload in zip(names_of(uploads), uploads, strict=True)
    ]
    photos = []
    for done, future in enumerate(waiting, 1):
        photos.append(future.result())
        tell(done)
    return photos


def sort_set(recognizer: FaceRecognizer, photos: Sequence[Photo]) -> SortedSet | None:
    """Score every pair, order the photos and group them; None where fewer than two have a face."""
    usable = tuple(place for place, photo in enumerate(photos) if photo.crop is not None)
    crops = [photo.crop for photo in photos if photo.crop is not None]
    if len(crops) < FEWEST:
        return None
    matrix = recognizer.encode(crops, BATCH)
    left, right = np.triu_indices(len(usable), 1)
    chosen = [photos[place] for place in usable]
    sides = Sides(
        matrix,
        np.array([photo.status for photo in chosen], object),
        np.array([photo.quality for photo in chosen], np.float32),
        len(usable),
        {},
    )
    names = [photo.name for photo in chosen]
    index = PairIndex(names, left.astype(np.int32), right.astype(np.int32), None, None)
    scores = cosines(matrix, left, right)
    limit = decision_threshold(recognizer.model, None, None)
    scored = Scored(index, sides, scores, recognizer.model)
    return SortedSet(tuple(photos), usable, scored, group(scores, limit), limit)


def _read(recognizer: FaceRecognizer, name: str, upload: object) -> Photo:
    try:
        path = upload_path(upload)
    except RefusedUpload as refused:
        words = text.too_large(refused.size, MAX_BYTES) if refused.reason == "too large" else text.gone()
        return Photo(name, "unreadable", words, None, float("nan"))
    prepared = recognizer.prepare(Path(path), chosen_only=True)
    quality = prepared.quality.score if prepared.quality else float("nan")
    error = _for_people(prepared.error, path) if prepared.error else None
    return Photo(name, prepared.status, error, prepared.crop, quality)


def _for_people(error: FacecoreError, path: str) -> str:
    if isinstance(error, NoFaceError):
        return text.no_face()
    return text.unreadable(str(error).removeprefix(f"{photo_name(path)}: "))
