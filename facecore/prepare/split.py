"""Faces of photos -> training, validation and test, and people set aside for verification."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from facecore.data.layout import VERIFICATION
from facecore.prepare.pairs import ListCounts, describe_lists, possible_impostors, verification_people
from facecore.prepare.select import Shares, choose_photos, deal
from facecore.verification.calibration import SAME_FAR
from facecore.verification.metrics import FEW

TRAIN = "train_data"
CALIBRATES = math.ceil(FEW / SAME_FAR)
"""Impostor pairs that a calibration needs."""

USUAL_SHARE = 1 / 5
HIGHEST_SHARE = 1 / 3
USUAL_PEOPLE = 100
GOOD_PHOTOS = 16
"""Ten people with so many photos make 11,520 impostor pairs, enough for a calibration. People with many more are worth
more in training."""

ONE_MOMENT = 0.96
"""Cosine above which two faces of one person are taken for one picture, or for two of one moment. With the bundled
model all of 150 training faces are above it against themselves saved as JPEG of quality 30, at half the size, or two
pixels aside, and so are 0.3 % of 1,183 genuine pairs of 60 training people, which may well be such copies."""


@dataclass(frozen=True)
class Split:
    """How faces are dealt out.

    Attributes:
        shares: of the photos of each person who is trained on.
        min_photos: people with fewer different photos are in the training folder alone.
        people: how many are set aside for verification. None: a fifth of them and at most 100, or up to a third where
            that makes the impostor pairs that a calibration needs; none where that is one person.
        pairs: impostor pairs in each list, at most.
        seed: of everything that is drawn.
    """

    shares: Shares = field(default_factory=Shares)
    min_photos: int = 5
    people: int | None = None
    pairs: int = 20_000
    seed: int = 0

    @property
    def fewest(self) -> int:
        """Different photos that a person needs to be in every part."""
        return max(self.min_photos, self.shares.fewest)


@dataclass(frozen=True)
class Dealt:
    """Where each face goes.

    Attributes:
        faces: a row for each face that is kept, by its row in the report: `id` (its photo's path), `person`, `part`
            (name of a folder), `different` (False where an earlier face is of the same moment) and `name` (path of
            its file below the folder that is written).
        lists: people of the labelled and of the unlabelled pair list.
    """

    faces: pd.DataFrame
    lists: tuple[list[str], list[str]]

    def groups(self) -> list[pd.DataFrame]:
        """The faces that the pairs of each list are drawn from."""
        different = self.faces[self.faces["different"]]
        return [different[different["person"].isin(people)] for people in self.lists]


def deal_faces(report: pd.DataFrame, names: Sequence[str], vectors: NDArray[np.floating] | None, split: Split) -> Dealt:
    """Deal out the faces that are kept; those of one moment stay together.

    Args:
        report: as `verdicts.judge` gives it, all of its photos in people's folders.
        names: for each row of the report, the path of its face below the folder of its part; faces for verification
            get numbers instead, which tell nothing and hold no spaces, as pair lists want it.
        vectors: (N, D) of length one, rows of NaN without a face; None where no photo has a face.
        split: how.
    """
    random = np.random.default_rng(split.seed)
    faces = report.loc[report["status"] == "kept", ["path", "person"]].rename(columns={"path": "id"})
    first = _first_of_moment(faces, vectors)
    faces["different"] = first == faces.index
    different = faces[faces["different"]]
    lists = _set_aside(different["person"].value_counts(), different, split, random)
    aside = faces["person"].isin([*lists[0], *lists[1]])
    part = pd.Series(TRAIN, faces.index)
    counts = different.loc[~aside, "person"].value_counts()
    if many := sorted(counts.index[counts >= split.fewest]):
        for name, rows in deal(choose_photos(different, many, None, random), split.shares).items():
            part[rows.index] = name
    faces["part"] = part[first].to_numpy()
    faces.loc[aside, "part"] = VERIFICATION
    faces["name"] = [f"{part}/{names[row]}" for row, part in zip(faces.index, faces["part"], strict=True)]
    numbers = random.permutation(int(aside.sum()))
    suffixes = [name.rpartition(".")[2] for name in faces.loc[aside, "name"]]
    faces.loc[aside, "name"] = [
        f"{VERIFICATION}/{number:06d}.{suffix}" for number, suffix in zip(numbers, suffixes, strict=True)
    ]
    return Dealt(faces, lists)


def describe(dealt: Dealt, lists: Sequence[ListCounts], split: Split) -> list[str]:
    """What is in each part, and what cannot be measured for want of people or photos, in lines for a terminal."""
    faces = dealt.faces
    lines = []
    for name in (TRAIN, "val_data", "test_data", VERIFICATION):
        part = faces[faces["part"] == name]
        aside = " set aside, who are not trained on" if name == VERIFICATION else ""
        if len(part):
            lines.append(f"{name}: {len(part):,} faces of {part['person'].nunique():,} people{aside}")
    trained = faces[faces["part"] != VERIFICATION]
    counts = trained[trained["different"]].groupby("person").size()
    few = int((counts < split.fewest).sum())
    if few and split.shares.fewest > 1:
        lines.append(f"people with fewer than {split.fewest} different photos, all of them in {TRAIN}: {few:,}")
    lines += describe_lists(lists)
    if not lists[0].impostors:
        lines.append(_why_no_pairs(faces["person"].nunique(), split))
    elif lists[0].impostors < CALIBRATES:
        lines.append(
            f"too few impostor pairs to calibrate a model, which takes {CALIBRATES:,}: it will give scores, and no "
            "probability; add people or photos, or set more people aside with --verification-people"
        )
    return lines


def _why_no_pairs(people: int, split: Split) -> str:
    what = "nobody is set aside for verification, so there will be no verification AUC and no calibration"
    if split.people == 0:
        return what
    return (
        f"{what}: {people:,} people are too few, or too few have two different photos; 10 or more are better, and "
        "--verification-people 2 sets two aside of 4 or more"
    )


def _first_of_moment(faces: pd.DataFrame, vectors: NDArray[np.floating] | None) -> NDArray[np.int64]:
    """For each face the row of the first of its person that is of the same moment, over any chain of such faces."""
    first = faces.index.to_numpy(np.int64, copy=True)
    if vectors is None:
        return first
    for places in faces.groupby("person").indices.values():
        rows = first[places]
        groups = _near(vectors[rows].astype(np.float32), ONE_MOMENT)
        earliest = np.full(groups.max() + 1, rows.max())
        np.minimum.at(earliest, groups, rows)
        first[places] = earliest[groups]
    return first


def _near(vectors: NDArray[np.float32], limit: float, block: int = 1024) -> NDArray[np.int64]:
    """(N,) numbers of groups: vectors (N, D) whose cosine is above the limit are in one."""
    left, right = [], []
    for begin in range(0, len(vectors), block):
        near = np.nonzero(vectors[begin : begin + block] @ vectors.T > limit)
        left.append(near[0] + begin)
        right.append(near[1])
    edges = (np.concatenate(left), np.concatenate(right))
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(len(vectors),) * 2)
    groups: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return groups


def _set_aside(
    counts: "pd.Series[int]", different: pd.DataFrame, split: Split, random: np.random.Generator
) -> tuple[list[str], list[str]]:
    """People for the labelled and the unlabelled list; the second only where both can calibrate."""
    able = [str(person) for person in random.permutation(sorted(counts.index[counts >= 2]).copy())]
    able.sort(key=lambda person: (counts[person] < GOOD_PHOTOS, abs(int(counts[person]) - GOOD_PHOTOS)))
    chosen = able[: _how_many([int(counts[person]) for person in able], len(counts), split.people)]
    if len(chosen) < 2:
        return [], []
    halves = verification_people(different[different["person"].isin(chosen)], [], len(chosen), {})
    if all(possible_impostors(np.asarray(counts[half], np.int64)) >= CALIBRATES for half in halves):
        return halves
    return sorted(chosen), []


def _how_many(photos: list[int], people: int, asked: int | None) -> int:
    """How many of the people with these numbers of photos are set aside; two or more stay for training."""
    if asked is not None:
        return max(0, min(asked, people - 2))
    usual = min(int(people * USUAL_SHARE), USUAL_PEOPLE)
    enough = range(usual, int(people * HIGHEST_SHARE) + 1) if usual >= 2 else ()
    return next((n for n in enough if possible_impostors(np.array(photos[:n])) >= CALIBRATES), usual)
