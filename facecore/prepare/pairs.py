"""Verification pairs of people who are not trained on: every genuine pair, and impostor pairs drawn at random."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from facecore.files import write_text
from facecore.prepare.select import by_photos, choose_photos

LABELLED = "verification_pairs_val.txt"
UNLABELLED = "verification_pairs_test.txt"
ANSWERS = "answers_test.txt"  # its name keeps it from being taken for one of the lists


@dataclass(frozen=True)
class Pairs:
    """Pairs among N photos.

    Attributes:
        left: (P,) int64, places of the first photos.
        right: (P,) int64, places of the second ones.
        same: (P,) bool.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    same: NDArray[np.bool_]


@dataclass(frozen=True)
class ListCounts:
    """What a pair list holds.

    Attributes:
        people: whose photos its pairs are of.
        genuine: pairs of one person.
        impostors: pairs of two people.
    """

    people: int
    genuine: int
    impostors: int


def verification_people(
    rows: pd.DataFrame, taken: list[str], people: int, halves: dict[str, str]
) -> tuple[list[str], list[str]]:
    """People for the labelled and for the unlabelled list, none in both and none in `taken`.

    Args:
        rows: faces that may be used.
        taken: people of the training folder.
        people: at most so many, half of them for each list, those with most photos first.
        halves: "fit" or "test" for a face's id where the shards say so: those of "fit" go to the labelled list.
    """
    rows = rows[(rows["person"] != "") & ~rows["person"].isin(taken)]
    counts = rows["person"].value_counts()
    found = [person for person in by_photos(rows) if counts[person] >= 2]
    known = rows.assign(half=rows["id"].map(halves)).dropna(subset="half").groupby("person")["half"].first().to_dict()
    lists: tuple[list[str], list[str]] = ([], [])
    for person in found:
        shorter = int(len(lists[1]) < len(lists[0]))
        half = known.get(person)
        lists[shorter if half is None else int(half == "test")].append(person)
    return lists[0][: (people + 1) // 2], lists[1][: people // 2]


def draw_photos(rows: pd.DataFrame, people: list[str], photos: int | None, random: np.random.Generator) -> pd.DataFrame:
    """At most `photos` faces of each person."""
    return choose_photos(rows, people, photos, random) if people else rows.iloc[:0]


def draw_pairs(person: NDArray[np.int64], impostors: int, random: np.random.Generator) -> Pairs:
    """Genuine and impostor pairs of photos, in random order and none twice.

    Args:
        person: (N,) int64, the number of each photo's person.
        impostors: as many impostor pairs at most, drawn from all there are; and no more genuine ones than that.
        random: decides.
    """
    places = [np.flatnonzero(person == number) for number in np.unique(person)]
    genuine = [own[np.stack(np.triu_indices(len(own), 1), axis=1)] for own in places]
    same = np.concatenate(genuine) if genuine else np.empty((0, 2), np.int64)
    if len(same) > impostors:
        same = same[random.choice(len(same), impostors, replace=False)]
    different = _impostors(person, impostors, random)
    pairs = np.concatenate([same, different])
    labels = np.arange(len(pairs)) < len(same)
    order = random.permutation(len(pairs))
    turn = random.random(len(pairs)) < 0.5  # which photo stands first says nothing
    pairs = np.where(turn[:, None], pairs[:, ::-1], pairs)[order]
    return Pairs(pairs[:, 0], pairs[:, 1], labels[order])


def draw_lists(
    folder: Path,
    groups: Sequence[pd.DataFrame],
    names: Mapping[str, str],
    impostors: int,
    random: np.random.Generator,
) -> tuple[ListCounts, ...]:
    """Draw the pairs of the labelled and of the unlabelled list, and write those that have any.

    Args:
        folder: where the lists are written.
        groups: for each list its faces, with columns `id` and `person`.
        names: what the lists call a face, by its id.
        impostors: impostor pairs in each list, at most.
        random: decides.
    """
    counts = []
    for labelled, group in zip((True, False), groups, strict=True):
        pairs = draw_pairs(pd.factorize(group["person"])[0].astype(np.int64), impostors, random)
        if len(pairs.same):
            write_lists(folder, [names[identity] for identity in group["id"]], pairs, labelled)
        genuine = int(pairs.same.sum())
        counts.append(ListCounts(group["person"].nunique(), genuine, len(pairs.same) - genuine))
    return tuple(counts)


def describe_lists(lists: Sequence[ListCounts]) -> list[str]:
    """What the labelled and the unlabelled list hold, a line for each."""
    return [
        f"{kind} pairs: {one.genuine:,} genuine, {one.impostors:,} impostor, of {one.people:,} other people"
        for kind, one in zip(("labelled", "unlabelled"), lists, strict=True)
        if one.people
    ]


def write_lists(folder: Path, names: list[str], pairs: Pairs, labelled: bool) -> None:
    """Write one list; for the unlabelled one its answers in a file beside it."""
    plain = [f"{names[a]} {names[b]}" for a, b in zip(pairs.left, pairs.right, strict=True)]
    marked = [f"{line} {int(same)}" for line, same in zip(plain, pairs.same, strict=True)]
    write_text(folder / (LABELLED if labelled else ANSWERS), "\n".join(marked) + "\n")
    if not labelled:
        write_text(folder / UNLABELLED, "\n".join(plain) + "\n")


def possible_impostors(photos: NDArray[np.int64]) -> int:
    """How many pairs of photos of different people there are, by each person's number of photos."""
    return (int(photos.sum()) ** 2 - int((photos**2).sum())) // 2


def _impostors(person: NDArray[np.int64], most: int, random: np.random.Generator) -> NDArray[np.int64]:
    """(P, 2) distinct pairs of photos of different people, the smaller place first."""
    count = len(person)
    if possible_impostors(np.unique(person, return_counts=True)[1]) <= 4 * most:
        left, right = np.triu_indices(count, 1)
        every: NDArray[np.int64] = np.stack([left, right], axis=1)[person[left] != person[right]]
        return random.permutation(every)[:most]
    # Drawing again what was drawn before is rare enough here.
    codes = np.empty(0, np.int64)
    while len(codes) < most:
        drawn = np.sort(random.integers(count, size=(2 * most, 2)), axis=1)
        drawn = drawn[person[drawn[:, 0]] != person[drawn[:, 1]]]
        codes = np.unique(np.concatenate([codes, drawn[:, 0] * count + drawn[:, 1]]))
    codes = random.permutation(codes)[:most]
    return np.stack([codes // count, codes % count], axis=1)
