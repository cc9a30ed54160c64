"""Show what neighbouring frames are worth: name the person in each frame of a track, alone and in a window.

    python -m eval.context SHARDS
    python -m eval.context SHARDS --context 0 1 3 7 --people 40 --photos 15

SHARDS is a folder of Parquet shards of aligned faces with the columns id, image, person and split. A track is a row of
frames of one person: photos in random order, each kept for one to five frames. A share of the frames is blurred (shrunk
to 8 to 12 pixels and enlarged again) or covered (half to four fifths of the face) before the model embeds them. For
each --context, a classifier with one hidden layer over the window's embeddings learns the people from tracks of half of
their photos, and is judged on tracks of the other half. The table gives the median over --repeats, each with tracks
and initial weights of its own, and the lowest and highest in brackets; "bad frames" are windows whose centre is blurred
or covered.

Exit code: 0 done; 2 wrong usage, or shards or a model that cannot be used; 130 interrupted.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from facecore.command_line import DONE, run_command
from facecore.data.context import ContextWindows
from facecore.data.parquet import shard_paths
from facecore.errors import DataError
from facecore.flags import add_model_flags, recognizer_from

Crop = NDArray[np.uint8]


@dataclass(frozen=True)
class Tracks:
    """Frames of one person each.

    Attributes:
        embeddings: (T, D) float32 for each track.
        labels: (T,) int64 for each track, the person.
        bad: (T,) bool for each track, whether a frame is blurred or covered.
    """

    embeddings: list[NDArray[np.float32]]
    labels: list[NDArray[np.int64]]
    bad: list[NDArray[np.bool_]]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.context", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("shards", type=Path, metavar="SHARDS", help="folder of shards with labelled people")
    p.add_argument("--context", type=int, nargs="+", default=[0, 1, 3, 7], metavar="N",
                   help="frames on either side, one row of the table each (default 0 1 3 7)")  # fmt: skip
    p.add_argument("--split", default="val", help="faces of this split (default val: people not used in training)")
    p.add_argument("--people", type=int, default=40, metavar="P", help="to tell apart (default 40)")
    p.add_argument("--photos", type=int, default=15, metavar="N",
                   help="of each person; the first half, rounded up, is for training (default 15)")  # fmt: skip
    p.add_argument("--variants", type=int, default=3, metavar="N", help="bad frames made of each photo (default 3)")
    p.add_argument("--bad-share", type=float, default=0.5, metavar="S", help="of bad frames, above 0 (default 0.5)")
    p.add_argument("--tracks", type=int, default=4, metavar="N", help="of each person and half (default 4)")
    p.add_argument("--frames", type=int, default=30, metavar="T", help="in a track (default 30)")
    p.add_argument("--repeat-edges", action="store_true", help="pad tracks with their first and last frame, not zeros")
    p.add_argument("--hidden", type=int, default=128, metavar="N", help="units of the hidden layer (default 128)")
    p.add_argument("--epochs", type=int, default=10, metavar="N", help="of the classifier (default 10)")
    p.add_argument("--repeats", type=int, default=3, metavar="N", help="of tracks and training (default 3)")
    p.add_argument("--seed", type=int, default=0, metavar="S", help="of everything random, 0 or more (default 0)")
    p.add_argument("--batch-size", type=int, default=64, metavar="N", help="faces in one pass (default 64)")
    add_model_flags(p)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _show, argv)


def _show(a: argparse.Namespace) -> int:
    _check(a)
    recognizer = recognizer_from(a)
    random = np.random.default_rng(a.seed)
    good = [recognizer.input.fit(crop) for crop in read_people(a.shards, a.split, a.people, a.photos, random)]
    bad = [spoil(crop, random) for crop in good for _ in range(a.variants)]
    chunks = [(good + bad)[i : i + a.batch_size] for i in range(0, len(good + bad), a.batch_size)]
    rows = np.concatenate(
        [recognizer.encode(chunk, a.batch_size) for chunk in tqdm(chunks, desc="embedding", mininterval=1)]
    )
    # (people, photos, 1 + variants, D): the first is the photo as it was.
    clean, spoilt = np.split(rows, [len(good)])
    shape = (a.people, a.photos, -1, rows.shape[1])
    versions = np.concatenate([clean.reshape(shape), spoilt.reshape(shape)], axis=2)
    half = -(-a.photos // 2)
    results: dict[int, list[tuple[float, float]]] = {context: [] for context in a.context}
    for number in tqdm(range(a.repeats), desc="repeats"):
        random = np.random.default_rng((a.seed, number))
        train = make_tracks(versions[:, :half], a.tracks, a.frames, a.bad_share, random)
        test = make_tracks(versions[:, half:], a.tracks, a.frames, a.bad_share, random)
        for context in results:
            results[context].append(
                accuracies(train, test, context, a.hidden, a.epochs, a.seed + number, a.repeat_edges)
            )
    print(f"{a.people} people; {a.bad_share:.0%} of the frames blurred or covered; embeddings of {a.model}\n")
    print(table(results))
    return DONE


def read_people(folder: Path, split: str, people: int, photos: int, random: np.random.Generator) -> list[Crop]:
    """Faces of labelled people, chosen at random: `people` times `photos` crops, person by person.

    Raises:
        DataError: too few people have so many photos, or the shards cannot be read.
    """
    labelled = (pc.field("split") == split) & (pc.field("person") != "")
    shards = [_read(path, ["id", "person"], labelled) for path in shard_paths(folder)]
    faces = pd.concat([shard.to_pandas() for shard in shards]).sort_values("id")
    groups = [group["id"].to_numpy() for _, group in faces.groupby("person") if len(group) >= photos]
    if len(groups) < people:
        raise DataError(
            f"{folder}: {len(groups)} people of the split {split!r} have {photos} photos or more: lower --people, now "
            f"{people}, or --photos"
        )
    chosen = [
        random.choice(groups[i], photos, replace=False) for i in random.choice(len(groups), people, replace=False)
    ]
    wanted = np.concatenate(chosen).tolist()
    encoded = {
        number: image
        for path in shard_paths(folder)
        for number, image in zip(
            *_read(path, ["id", "image"], pc.field("id").isin(wanted)).to_pydict().values(), strict=True
        )
    }
    return [_decode(encoded[number], f"{folder}, face {number}") for number in wanted]


def spoil(crop: Crop, random: np.random.Generator) -> Crop:
    """A bad frame, uint8 (S, S, 3): blurred or covered from one side, either with probability one half."""
    size = len(crop)
    if random.random() < 0.5:
        few = int(random.integers(8, 13))
        small = cv2.resize(crop, (few, few), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    covered = crop.copy()
    turned = np.rot90(covered, int(random.integers(4)))  # a view: what is written to it is written to the copy
    turned[: round(size * random.uniform(0.5, 0.8))] = random.integers(256)
    return covered


def make_tracks(
    versions: NDArray[np.float32], tracks: int, frames: int, bad_share: float, random: np.random.Generator
) -> Tracks:
    """Tracks of each person: photos in random order, each kept for one to five frames, a share of the frames bad.

    Args:
        versions: (people, photos, 1 + bad versions, D), embeddings of each photo as it was and of its bad versions.
        tracks: number a person.
        frames: in each.
        bad_share: of bad frames.
        random: where all is drawn from.
    """
    people, photos, kinds, _ = versions.shape
    made = Tracks([], [], [])
    for person in range(people):
        for _ in range(tracks):
            photo = np.repeat(random.integers(photos, size=frames), random.integers(1, 6, size=frames))[:frames]
            bad = random.random(frames) < bad_share
            kind = np.where(bad, random.integers(1, kinds, size=frames), 0)
            made.embeddings.append(versions[person, photo, kind])
            made.labels.append(np.full(frames, person))
            made.bad.append(bad)
    return made


def accuracies(
    train: Tracks, test: Tracks, context: int, hidden: int, epochs: int, seed: int, repeat_edges: bool = False
) -> tuple[float, float]:
    """Train a window classifier and judge it on other tracks.

    Args:
        train: tracks to learn from.
        test: tracks of the same people.
        context: frames on either side.
        hidden: units of the hidden layer.
        epochs: of training.
        seed: of weights and order.
        repeat_edges: see `ContextWindows`.

    Returns:
        The share of frames whose person is named rightly: of all frames, and of the bad ones (nan if there are none).
    """
    windows = ContextWindows(train.embeddings, train.labels, context, repeat_edges)
    width = train.embeddings[0].shape[1]
    people = 1 + max(int(labels.max()) for labels in train.labels)
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear((2 * context + 1) * width, hidden), nn.ReLU(), nn.Linear(hidden, people)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    order = torch.Generator().manual_seed(seed)
    # Rows of length one are brought to a variance of about one, which fresh linear layers are made for.
    unit = width**0.5
    for _ in range(epochs):
        for window, label in DataLoader(windows, 64, shuffle=True, generator=order):
            optimizer.zero_grad()
            torch.autograd.backward(F.cross_entropy(network(window * unit), label))
            optimizer.step()
    judged = DataLoader(ContextWindows(test.embeddings, test.labels, context, repeat_edges), 1024)
    with torch.inference_mode():
        right = torch.cat([network(window * unit).argmax(1) == label for window, label in judged]).numpy()
    bad = np.concatenate(test.bad)
    return float(right.mean()), float(right[bad].mean()) if bad.any() else float("nan")


def table(results: dict[int, list[tuple[float, float]]]) -> str:
    """Markdown: a row for each context, from pairs of accuracies (all frames, bad frames), one pair a repeat."""
    lines = [
        "| context | frames in the window | accuracy, all frames | accuracy, bad frames |",
        "| --- | --- | --- | --- |",
    ]
    for context, pairs in results.items():
        everything, bad = zip(*pairs, strict=True)
        lines.append(f"| {context} | {2 * context + 1} | {_spread(everything)} | {_spread(bad)} |")
    return "\n".join(lines)


def _spread(shares: Sequence[float]) -> str:
    return f"{median(shares):.1%} ({min(shares):.1%}–{max(shares):.1%})"


def _check(a: argparse.Namespace) -> None:
    least = {"people": 2, "photos": 2, "variants": 1, "tracks": 1, "frames": 1, "hidden": 1, "epochs": 1, "repeats": 1}
    for name, limit in {**least, "batch_size": 1, "seed": 0}.items():
        if getattr(a, name) < limit:
            raise ValueError(f"--{name.replace('_', '-')} {getattr(a, name)}: give {limit} or more")
    if min(a.context) < 0:
        raise ValueError(f"--context {min(a.context)}: give 0 (the frame alone) or more")
    if not 0 < a.bad_share <= 1:
        raise ValueError(f"--bad-share {a.bad_share}: give a share above 0 and up to 1")


def _read(path: Path, columns: list[str], filters: pc.Expression) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns, filters=filters)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path}: the shard cannot be read: {error}") from error


def _decode(encoded: bytes, name: str) -> Crop:
    try:
        return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{name}: the image cannot be decoded: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
