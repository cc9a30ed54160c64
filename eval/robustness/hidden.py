"""Telling covered faces by the network's features of them: making the probe of quality.json, and measuring one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from eval.robustness.covering import SHAPES, cover
from eval.robustness.damage import Crop
from eval.robustness.measure import Encode
from facecore.data.parquet import VAL_SPLITS, read_pairs, read_shards
from facecore.errors import DataError
from facecore.faces.hidden import HiddenProbe

FALSE_ALARMS = 0.02
"""Share of uncovered faces for which a probe may warn: a warning that comes often is read no more."""

FOLDS = 5
SCALE = 10.0  # of features in the fit: with length one their numbers are small, and the penalty would rule
STRENGTH = 0.1  # scikit-learn's C; half fit, people left out: 80.3 % of covered faces told, 80.3 with 1, 73.7 with 10
DIGITS = 4  # of a stored number: what is lost is far less than the distance between two photos of one person


@dataclass(frozen=True)
class Faces:
    """Aligned faces, each once as it is and once covered.

    Attributes:
        plain: (N, F) float32, features of the crops.
        covered: (N, F) float32, of the same crops with a cover.
        kinds: (N,) of `SHAPES`, how each is covered.
        people: (N,) int64, who each is; a number of its own where that is not known.
    """

    plain: NDArray[np.float32]
    covered: NDArray[np.float32]
    kinds: NDArray[np.str_]
    people: NDArray[np.int64]


@dataclass(frozen=True)
class Warned:
    """How often a probe warns.

    Attributes:
        faces: number of crops, each once plain and once covered.
        people: number of people; a photo of somebody unknown counts as one more.
        plain: share of the plain ones that are warned of, 0..1: false alarms.
        covered: share of the covered ones by kind, 0..1, in the order of `SHAPES`.
    """

    faces: int
    people: int
    plain: float
    covered: Mapping[str, float]


def read_faces(folder: Path, half: str, most: int, seed: int, encode: Encode) -> Faces:
    """Some of the faces that one half of the pairs names, with and without a cover.

    Unlike `eval.robustness.people` also those without a name: the warning is for everybody, and named people are few.

    Args:
        folder: of shards.
        half: "fit" or "test".
        most: number of crops, chosen at random.
        seed: of the choice and the covers.
        encode: uint8 crops (112, 112, 3) -> (N, F) float32 of length one.

    Raises:
        DataError: the shards or pairs cannot be read, or no face belongs to the half.
    """
    faces = read_shards(folder, VAL_SPLITS, people=True)
    rows = np.flatnonzero(np.isin(faces.ids, read_pairs(folder, half)[["left", "right"]].to_numpy().ravel()))
    if not len(rows):
        raise DataError(f"{folder}: no face belongs to the half {half!r} of the pairs")
    random = np.random.default_rng(seed)
    rows = random.permutation(rows)[:most]
    people = np.where(faces.labels[rows] < 0, -1 - rows, faces.labels[rows])
    return cover_faces(list(faces.images[rows]), people, random, encode)


def cover_faces(crops: list[Crop], people: NDArray[np.int64], random: np.random.Generator, encode: Encode) -> Faces:
    """Cover each crop in one way, the kinds in turn, and look at both.

    Args:
        crops: uint8 (S, S, 3) each.
        people: (N,), who each is.
        random: draws the covers.
        encode: crops -> (N, F) float32 of length one.
    """
    kinds = np.resize(np.array(list(SHAPES)), len(crops))
    # The next face lends its background.
    others = [*crops[1:], crops[0]]
    covered = [cover(*one, random) for one in zip(crops, others, kinds.tolist(), strict=True)]
    return Faces(encode(crops), encode(covered), kinds, people)


def make_probe(faces: Faces) -> tuple[HiddenProbe, Warned]:
    """The probe between plain and covered faces, and how often it warns of people whom it has not seen.

    Both are found by cross-validation, in which no person is in two folds: the offset is passed by `FALSE_ALARMS` of
    the plain faces of people who were left out.

    Raises:
        DataError: there are fewer than two people.
    """
    products = np.empty((2, len(faces.people)))
    for seen, unseen in _folds(faces.people):
        direction, intercept = _fit(faces.plain[seen], faces.covered[seen])
        for place, features in enumerate((faces.plain, faces.covered)):
            products[place, unseen] = features[unseen] @ direction + intercept
    limit = float(np.quantile(products[0], 1 - FALSE_ALARMS))
    direction, intercept = _fit(faces.plain, faces.covered)
    probe = HiddenProbe(tuple(_rounded(value) for value in direction.tolist()), _rounded(limit - intercept))
    return probe, _counted(faces, products[0] > limit, products[1] > limit)


def measure_probe(probe: HiddenProbe, faces: Faces) -> Warned:
    """How often a probe warns.

    Raises:
        ModelError: the probe was made for features of another width.
    """
    plain, covered = (np.array([probe.value(row) > 0 for row in features]) for features in (faces.plain, faces.covered))
    return _counted(faces, plain, covered)


def _folds(people: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows to fit by and rows of other people, so that each row is once among the latter."""
    groups = len(np.unique(people))
    if groups < 2:
        raise DataError("what tells covered faces has to be tried on people it has not seen, and there is one alone")
    yield from GroupKFold(min(FOLDS, groups)).split(people, groups=people)


def _fit(plain: NDArray[np.float32], covered: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """The direction and intercept of a logistic regression, for features of length one."""
    model = LogisticRegression(C=STRENGTH, max_iter=2000)
    features = np.concatenate([plain, covered]).astype(np.float64) * SCALE
    model.fit(features, np.repeat([0, 1], [len(plain), len(covered)]))
    return model.coef_[0] * SCALE, float(model.intercept_[0])


def _counted(faces: Faces, plain: NDArray[np.bool_], covered: NDArray[np.bool_]) -> Warned:
    found = {kind: covered[faces.kinds == kind] for kind in SHAPES}
    shares = {kind: float(warned.mean()) for kind, warned in found.items() if len(warned)}
    return Warned(len(plain), len(np.unique(faces.people)), float(plain.mean()), shares)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
