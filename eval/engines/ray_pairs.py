"""Pairs scored on a Ray cluster, and written as a folder of partitions by the machines that scored them.

The list is read here, in one stream; its pairs travel in parts of `PART_ROWS`. The embeddings lie in the cluster's
object store in shards of `SHARD_BYTES`, of which each machine fetches, once, those that its parts need. The scores
alone come back: 8 bytes a pair. A part whose worker or machine dies is done again, and its file written whole or not
at all. Numbers are those of the local engine to the last bit, since the same functions make them.

These are tasks of Ray's core and not of Ray Data, which wants to know all blocks of a data set before it starts.

Limits: this machine holds all embeddings (0.5 KB each for the bundled model) and 17 bytes a pair. Each machine's object
store should hold the embeddings that its parts need at once; where it cannot, Ray moves shards to and from the disk,
which is right but slow. A task needs up to `2 * PART_ROWS` embeddings besides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor
from tqdm import tqdm

from eval.engines.ray_cluster import cluster, reason
from eval.index import PairIndex
from eval.results import write_scores
from eval.scoring import Scored, Sides
from facecore.checkpoint import Model
from facecore.device import usable_cores
from facecore.errors import FacecoreError, PairListError
from facecore.files import atomic_directory, atomic_path
from facecore.models import EmbeddingNetwork
from facecore.recognizer import decision_threshold
from facecore.verification.pairs import PairSource
from facecore.verification.scores import BLOCK, cosines

if TYPE_CHECKING:
    from ray import ObjectRef

Format = Literal["csv", "parquet"]

PART_ROWS = 16 * BLOCK
"""Pairs in a partition; a multiple of what `cosines` takes at once, so that its sums are those of the whole list."""

SHARD_BYTES = 256_000_000

RETRIES = 4
"""How often a part is done again when its worker dies."""


@dataclass(frozen=True)
class Target:
    """How partitions are written.

    Attributes:
        format: "csv": each with a header, and rounded as `eval.results.write_scores` rounds; "parquet": not rounded,
            null where there is no score.
        far: see `Scored`.
        threshold: see `Scored`.
        quality: whether to add left_quality and right_quality.
        spreadsheet_safe: see `write_scores`; for "csv" alone.
    """

    format: Format = "parquet"
    far: float | None = None
    threshold: float | None = None
    quality: bool = False
    spreadsheet_safe: bool = False


@dataclass(frozen=True)
class Part:
    """Some pairs of a list, on their way to a worker.

    Attributes:
        table: they alone, as in `PairSource.tables`.
        index: the same as places in the arrays below; its names are left out.
        places: (E,) int64, which of all embeddings these pairs need.
        status: (E,) text, of the same.
        quality: (E,) float32, of the same.
    """

    table: pd.DataFrame
    index: PairIndex
    places: np.ndarray
    status: np.ndarray
    quality: np.ndarray


@dataclass(frozen=True)
class Shards:
    """Embeddings in the object store.

    Attributes:
        refs: of arrays (rows, D) float32, the last with fewer rows.
        rows: in a shard.
        dim: D.
    """

    refs: "list[ObjectRef[np.ndarray]]"
    rows: int
    dim: int


class _Done(EmbeddingNetwork):
    """The network for workers that are given embeddings: it has nothing left to do, and can be sent anywhere."""

    embedding_dim = 0

    def embed(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        return x


def score_partitions(
    address: str | None, model: Model, source: PairSource, index: PairIndex, sides: Sides, out: Path, target: Target
) -> Scored:
    """Score all pairs of a list on a cluster and write them as `out`/part-00000.csv or .parquet and so on, in order.

    Args:
        address: see `eval.engines.ray_cluster.cluster`.
        model: whose calibration gives probabilities and decisions.
        source: the list.
        index: what `read_index` made of it.
        sides: what its names stand for.
        out: a folder, made or replaced, whole or not at all; on a cluster of several machines all must see it.
        target: how it is written.

    Returns:
        The scores, as `eval.scoring.score_pairs` gives them.

    Raises:
        FacecoreError: no cluster, or one that lost too many workers.
        PairListError: the list is not what it was.
        ValueError: `target` has a `far` or `threshold` that cannot be used, or `out` holds other files, which would be
            lost.
        OSError: the folder cannot be written.
    """
    decision_threshold(model, target.far, target.threshold)
    check_folder(out)
    with cluster(address, usable_cores()) as cores, atomic_directory(out) as folder:
        scores = _score(model, _parts(source, index, sides), sides.matrix, len(index), folder, target, 2 * cores)
    return Scored(index, sides, scores, model, target.far, target.threshold)


def check_folder(out: Path) -> None:
    """Make sure that nothing but an earlier result is replaced.

    Raises:
        ValueError: `out` is a file, or holds other files.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise ValueError(f"--out {out}: there is a file of that name, and partitions need a folder")
    other = [path.name for path in out.iterdir() if not (path.match("part-*.csv") or path.match("part-*.parquet"))]
    if set(other) - {"scores.json"}:
        raise ValueError(f"--out {out}: this folder holds {sorted(other)[0]} and would be replaced: give another")


def _score(
    model: Model, parts: Iterator[Part], matrix: np.ndarray, pairs: int, folder: Path, target: Target, ahead: int
) -> np.ndarray:
    import ray
    from ray.exceptions import RayError

    scores = np.full(pairs, np.nan)
    task = ray.remote(max_retries=RETRIES)(score_part)
    waiting: dict[Any, int] = {}
    try:
        judge, shards = ray.put(replace(model, network=_Done())), _put(matrix)
        with tqdm(total=pairs, desc="scoring", unit="pair", unit_scale=True) as bar:

            def take() -> None:
                (done,), _ = ray.wait(list(waiting), num_returns=1)
                begin, found = waiting.pop(done), ray.get(done)
                scores[begin : begin + len(found)] = found
                bar.update(len(found))

            begin = 0
            for number, part in enumerate(parts):
                if len(waiting) >= ahead:
                    take()
                waiting[task.remote(judge, part, shards, folder / f"part-{number:05d}.{target.format}", target)] = begin
                begin += len(part.table)
            while waiting:
                take()
    except RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, OSError):  # a full disk, for example
            raise cause from error
        raise FacecoreError(f"Ray stopped: {reason(error)}") from error
    if begin != pairs:
        raise PairListError("the list was changed while it was being scored")
    return scores


def _put(matrix: np.ndarray) -> Shards:
    import ray

    rows, dim = max(1, SHARD_BYTES // (4 * matrix.shape[1])), matrix.shape[1]
    return Shards([ray.put(matrix[begin : begin + rows]) for begin in range(0, len(matrix), rows)], rows, dim)


def _parts(source: PairSource, index: PairIndex, sides: Sides) -> Iterator[Part]:
    begin = 0
    for table in rechunked(source.tables(), PART_ROWS):
        own = slice(begin, begin + len(table))
        begin += len(table)
        if begin > len(index):
            raise PairListError(f"{source.name}: the list was changed while it was being scored")
        places, local = np.unique(np.concatenate([index.left[own], index.right[own]]), return_inverse=True)
        few = PairIndex(
            [],
            local[: len(table)],
            local[len(table) :],
            None if index.label is None else index.label[own],
            None if index.fold is None else index.fold[own],
        )
        yield Part(table, few, places, sides.status[places], sides.quality[places])


def rechunked(tables: Iterator[pd.DataFrame], rows: int) -> Iterator[pd.DataFrame]:
    """The same rows in tables of `rows` each; the last may be shorter."""
    held, count = list[pd.DataFrame](), 0
    for table in tables:
        held.append(table)
        count += len(table)
        while count >= rows:
            whole = pd.concat(held, ignore_index=True)
            yield whole[:rows]
            held, count = [whole[rows:]], count - rows
    if count:
        yield pd.concat(held, ignore_index=True)


def score_part(model: Model, part: Part, shards: Shards, path: Path, target: Target) -> np.ndarray:
    """What a worker does: fetch embeddings, score pairs, write them; returns the scores, (P,) float64.

    Raises:
        OSError: the partition cannot be written.
    """
    matrix = _gathered(part.places, shards)
    scores = cosines(matrix, part.index.left, part.index.right)
    sides = Sides(matrix, part.status, part.quality, 0, {})
    scored = Scored(part.index, sides, scores, model, target.far, target.threshold)
    source = PairSource("csv", len(part.table), "", path.name, None, lambda: iter([part.table]))
    (table,) = scored.tables(source, target.quality)
    if target.format == "csv":
        write_scores([table], path, target.spreadsheet_safe)
    else:
        write_parquet(table, path)
    return scores


def _gathered(places: np.ndarray, shards: Shards) -> np.ndarray:
    """The embeddings at `places`, with one shard at a time in reach."""
    import ray

    matrix = np.empty((len(places), shards.dim), np.float32)
    for number in np.unique(places // shards.rows).tolist():
        here = places // shards.rows == number
        matrix[here] = ray.get(shards.refs[number])[places[here] - number * shards.rows]
    return matrix


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table, whole or not at all; its types do not depend on which values happen to be there.

    Raises:
        OSError: the file cannot be written.
    """
    arrays = {}
    for name, column in table.items():
        text = column.dtype == object or isinstance(column.dtype, pd.StringDtype)
        arrays[str(name)] = pa.array(column, pa.string() if text else None, from_pandas=True)
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(arrays), temporary)
