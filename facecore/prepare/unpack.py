"""Parquet shards of faces -> a folder that `python -m facecore.train` takes: ImageFolder trees and pair lists."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from facecore import image
from facecore.data.layout import VERIFICATION
from facecore.data.parquet import shard_paths
from facecore.errors import DataError, ImageError
from facecore.files import atomic_directory
from facecore.prepare.encode import Format, encode
from facecore.prepare.pairs import ListCounts, describe_lists, draw_lists, draw_photos, verification_people
from facecore.prepare.select import Shares, choose_people, choose_photos, deal, read_rows


@dataclass(frozen=True)
class Choice:
    """What is taken from the shards.

    Attributes:
        people: how many are trained on: those with most photos, ties by name.
        photos: at most so many of each, drawn at random; None takes all.
        min_photos: people with fewer are passed over.
        shares: how each person's photos are dealt out to training, validation and test.
        split: value of the column `split` of the faces to train on.
        verification_split: of those to verify on; where it has no two people, other people of `split` are taken.
        verification_people: at most so many, half of them in each list.
        verification_photos: at most so many of each.
        pairs: impostor pairs in each list, at most.
        format: of the files; None writes the bytes that are stored.
        quality: 1..100, of WebP and JPEG.
        seed: of everything that is drawn.
    """

    people: int
    photos: int | None = None
    min_photos: int = 5
    shares: Shares = field(default_factory=Shares)
    split: str = "train"
    verification_split: str = "val"
    verification_people: int = 100
    verification_photos: int | None = 8
    pairs: int = 20_000
    format: Format | None = None
    quality: int = 95
    seed: int = 0


@dataclass(frozen=True)
class Unpacked:
    """What was written.

    Attributes:
        counts: images in each folder.
        people: people that are trained on.
        lists: what the labelled and the unlabelled list hold.
        origins: source, licence and number of images written, where the shards name them.
    """

    counts: dict[str, int]
    people: int
    lists: tuple[ListCounts, ...]
    origins: tuple[tuple[str, str, int], ...]


def unpack(shards: Path, out: Path, choice: Choice) -> Unpacked:
    """Write `out` with train_data, val_data, test_data, verification_data and two pair lists, whole or not at all.

    Raises:
        ValueError: so few photos of a person cannot be dealt out.
        DataError: the shards cannot be used, or hold too few people or photos; or `out` has something in it already.
        OSError: `out` cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: is there already; choose another folder, or delete it first")
    if choice.photos is not None and choice.photos < choice.shares.fewest:
        raise ValueError(
            f"--photos {choice.photos}: a person needs {choice.shares.fewest} photos to be in every part; give more, "
            "or set --val-share or --test-share to 0"
        )
    random = np.random.default_rng(choice.seed)
    rows = read_rows(shards)
    train = rows[(rows["split"] == choice.split) & (rows["person"] != "")]
    if train.empty:
        splits = ", ".join(sorted(map(str, rows["split"].unique())))
        raise DataError(f"{shards}: no face with a person has the split {choice.split!r}; there are: {splits}")
    least = max(choice.min_photos, choice.shares.fewest)
    people = choose_people(train, choice.people, least)
    parts = deal(choose_photos(train, people, choice.photos, random), choice.shares)
    groups = verification_people(_to_verify(rows, train, people, choice), people, choice.verification_people,
                                 _halves(shards))  # fmt: skip
    photos = [draw_photos(rows, group, choice.verification_photos, random) for group in groups]
    chosen = pd.concat(
        [part.assign(folder=[f"{name}/{person}" for person in part["person"]]) for name, part in parts.items()]
        + [group.assign(folder=VERIFICATION) for group in photos]
    )
    with atomic_directory(out) as folder:
        names = _write_images(shards, folder, chosen, choice)
        lists = draw_lists(folder, photos, names, choice.pairs, random)
    counts = {name: len(part) for name, part in parts.items()} | {VERIFICATION: sum(map(len, photos))}
    return Unpacked(counts, len(people), lists, _origins(chosen))


def describe(done: Unpacked, out: Path) -> list[str]:
    """What was written, in lines for a terminal."""
    lines = [f"{name}: {count:,} images" for name, count in done.counts.items()]
    lines[0] += f" of {done.people:,} people"
    lines += describe_lists(done.lists)
    lines += [f"from {source} ({licence}): {count:,} images" for source, licence, count in done.origins]
    return [*lines, f"wrote {out}"]


def _to_verify(rows: pd.DataFrame, train: pd.DataFrame, people: list[str], choice: Choice) -> pd.DataFrame:
    known = rows[(rows["split"] == choice.verification_split) & (rows["person"] != "")]
    return known if known.loc[~known["person"].isin(people), "person"].nunique() > 1 else train


def _halves(shards: Path) -> dict[str, str]:
    """The half of each face in val_pairs.parquet, so that both lists keep to its halves; empty without such a file."""
    path = shards / "val_pairs.parquet"
    if not path.is_file():
        return {}
    try:
        pairs = pd.read_parquet(path, columns=["left", "right", "half"])
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: the verification pairs cannot be read: {error}") from error
    both = pd.concat([pairs["left"], pairs["right"]]).astype(str)
    return dict(zip(both, pd.concat([pairs["half"], pairs["half"]]), strict=True))


def _origins(chosen: pd.DataFrame) -> tuple[tuple[str, str, int], ...]:
    columns = [name for name in ("source", "licence") if name in chosen]
    if not columns:
        return ()
    known = chosen.assign(**{name: "unknown" for name in ("source", "licence") if name not in chosen})
    groups = known.fillna({"source": "unknown", "licence": "unknown"}).groupby(["source", "licence"])
    return tuple((str(source), str(licence), len(group)) for (source, licence), group in groups)


def _write_images(shards: Path, out: Path, chosen: pd.DataFrame, choice: Choice) -> dict[str, str]:
    """Write the images; returns each id's path relative to `out`."""
    encode = _encoder(choice)
    names: dict[str, str] = {}
    for folder in chosen["folder"].unique():
        (out / folder).mkdir(parents=True)
    with tqdm(total=len(chosen), desc="writing images", unit="image", delay=1, mininterval=0.5) as bar:
        for number, path in enumerate(shard_paths(shards)):
            wanted = chosen[chosen["shard"] == number].sort_values("row")
            for (identity, folder), stored in zip(
                wanted[["id", "folder"]].itertuples(index=False), _stored(path, wanted["row"].to_numpy()), strict=True
            ):
                content, suffix = encode(stored, f"{path.name}, face {identity}")
                names[identity] = f"{folder}/{identity}.{suffix}"
                (out / names[identity]).write_bytes(content)
                bar.update()
    return names


def _stored(path: Path, rows: np.ndarray) -> Iterator[bytes]:
    """The images at these rows, in ascending order, as they are stored; a part of the shard is in memory at a time."""
    begin = 0
    with pq.ParquetFile(path) as shard:
        for batch in shard.iter_batches(batch_size=4096, columns=["image"]):
            inside = rows[(rows >= begin) & (rows < begin + len(batch))] - begin
            for value in batch.column(0).take(pa.array(inside)):
                yield value.as_py() or b""
            begin += len(batch)


def _encoder(choice: Choice) -> Callable[[bytes, str], tuple[bytes, str]]:
    def keep(stored: bytes, name: str) -> tuple[bytes, str]:
        for start, suffix in ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG", "png"), (b"RIFF", "webp")):
            if stored.startswith(start):
                return stored, suffix
        raise DataError(f"{name}: the image is no WebP, PNG or JPEG; give --format to write it as one")

    def convert(stored: bytes, name: str) -> tuple[bytes, str]:
        assert choice.format is not None
        try:
            return encode(image.load(stored, name=name), choice.format, choice.quality), choice.format
        except ImageError as error:
            raise DataError(str(error)) from error

    return keep if choice.format is None else convert
