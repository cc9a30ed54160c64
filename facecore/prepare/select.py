"""Which faces of a folder of shards are taken, and for what: by people, by split, by shares."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from facecore.data.folder import spelling
from facecore.data.parquet import shard_paths
from facecore.errors import DataError

NEEDED = ("id", "image", "person", "split")
OPTIONAL = ("source", "licence")


@dataclass(frozen=True)
class Shares:
    """How each person's photos are dealt out.

    Attributes:
        val: share of a person's photos for validation, 0..1.
        test: share for the test at the end, 0..1.
    """

    val: float = 0.15
    test: float = 0.15

    def __post_init__(self) -> None:
        for flag, value in (("--val-share", self.val), ("--test-share", self.test)):
            if not 0 <= value < 1:
                raise ValueError(f"{flag} {value:g} is no share: give a number from 0 to below 1")
        if self.val + self.test >= 1:
            raise ValueError(
                f"--val-share {self.val:g} and --test-share {self.test:g} leave nothing to train with: their sum must "
                "be below 1"
            )

    @property
    def fewest(self) -> int:
        """Photos that a person needs to be in every part."""
        return 1 + (self.val > 0) + (self.test > 0)

    def parts(self, count: int) -> tuple[int, int, int]:
        """Photos for training, validation and test among `count`, at least one in each part whose share is not 0."""
        test = min(max(1, round(count * self.test)), count - self.fewest + 1) if self.test else 0
        val = min(max(1, round(count * self.val)), count - test - 1) if self.val else 0
        return count - val - test, val, test


def read_rows(folder: Path) -> pd.DataFrame:
    """What is known of each face, without the images.

    Returns:
        One row a face: `shard` and `row` (its place), `id`, `person` (text, empty where unknown), `split`, and
        `source` and `licence` where all shards have them.

    Raises:
        DataError: there are no shards, one cannot be read or lacks a column, or an id occurs twice.
    """
    frames = []
    for number, path in enumerate(shard_paths(folder)):
        try:
            schema = pq.read_schema(path)
            missing = [name for name in NEEDED if name not in schema.names]
            if missing:
                raise DataError(
                    f"{path}: the shard has no column {' and '.join(missing)}; it has: {', '.join(schema.names)}"
                )
            columns = [name for name in (*NEEDED, *OPTIONAL) if name in schema.names and name != "image"]
            table = pq.read_table(path, columns=columns).to_pandas()
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{path}: the shard cannot be read: {error}") from error
        frames.append(table.assign(shard=number, row=np.arange(len(table))))
    shared = set.intersection(*(set(frame.columns) for frame in frames))
    rows = pd.concat([frame[[name for name in frame.columns if name in shared]] for frame in frames])
    rows = rows.reset_index(drop=True)
    rows["id"] = rows["id"].astype(str)
    rows["person"] = rows["person"].astype("object").where(rows["person"].notna(), "").astype(str)
    repeated = rows["id"][rows["id"].duplicated()]
    odd = rows["id"][~rows["id"].str.fullmatch(r"\w[\w.-]*")]
    if len(odd):
        raise DataError(f"{folder}: the id {odd.iloc[0]!r} cannot be the name of a file: use letters, digits and . - _")
    if len(repeated):
        raise DataError(f"{folder}: the id {repeated.iloc[0]} occurs twice; ids must be unique over all shards")
    return rows


def by_photos(rows: pd.DataFrame) -> list[str]:
    """People among these faces, those with most photos first, ties by name."""
    counts = rows.loc[rows["person"] != "", "person"].value_counts()
    return sorted(counts.index, key=lambda person: (-counts[person], person))


def choose_people(rows: pd.DataFrame, people: int, least: int) -> list[str]:
    """The `people` with most photos, each with at least `least`.

    Raises:
        DataError: there are not so many, or two are spellings of one name, or a name can be no folder's.
    """
    counts = rows["person"].value_counts()
    found = [person for person in by_photos(rows) if counts[person] >= least]
    if len(found) < people:
        raise DataError(
            f"only {len(found)} people have {least} photos or more, and --people {people} was asked for: ask for fewer "
            "people, or lower --min-photos"
        )
    seen: dict[str, str] = {}
    for person in found[:people]:
        if person.startswith(".") or set(person) & set("/\\\0") or person != person.strip():
            raise DataError(f"the person {person!r} cannot be the name of a folder: rename it in the shards")
        other = seen.setdefault(spelling(person), person)
        if other != person:
            raise DataError(f"the people {other!r} and {person!r} look like two spellings of one name")
    return found[:people]


def choose_photos(
    rows: pd.DataFrame, people: list[str], photos: int | None, random: np.random.Generator
) -> pd.DataFrame:
    """At most `photos` faces of each person, drawn at random, in random order within the person."""
    groups = dict(_groups(rows, people))
    return pd.concat([_drawn(groups[person], photos, random) for person in people])


def deal(rows: pd.DataFrame, shares: Shares) -> dict[str, pd.DataFrame]:
    """Each person's faces, in the order in which they come, dealt out to train_data, val_data and test_data."""
    place = rows.groupby("person").cumcount()
    count = rows["person"].map(rows["person"].value_counts())
    ends = {number: np.cumsum(shares.parts(number)) for number in count.unique()}
    first = count.map({number: end[0] for number, end in ends.items()})
    second = count.map({number: end[1] for number, end in ends.items()})
    return {
        "train_data": rows[place < first],
        "val_data": rows[(place >= first) & (place < second)],
        "test_data": rows[place >= second],
    }


def _groups(rows: pd.DataFrame, people: list[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    for person, group in rows[rows["person"].isin(people)].groupby("person", sort=False):
        yield str(person), group


def _drawn(rows: pd.DataFrame, photos: int | None, random: np.random.Generator) -> pd.DataFrame:
    return rows.iloc[random.permutation(len(rows))[:photos]]
