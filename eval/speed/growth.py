"""How the cost of a run grows with its pairs and with its images, photos and network left out.

Pairs: a list is read, every pair scored and the CSV written, over embeddings that are made up. Images: the cache is
asked for embeddings that it does not have, keeps made-up ones (cold), and is asked again (warm).
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.cache import Cache
from eval.engines.base import Embedded, Photo, Work
from eval.index import read_index
from eval.results import write_scores
from eval.run import Run
from eval.scoring import Sides, score_pairs
from eval.speed.timing import median_seconds
from facecore.files import atomic_path
from facecore.recognizer import FaceRecognizer
from facecore.spec import RecognizerSpec
from facecore.verification.pairs import open_pairs

Points = list[tuple[int, float]]

PAIRS_AN_IMAGE = 100
PIECE = 256


def growth(most: int, repeat: int, plot: Path | None) -> None:
    """Print seconds for growing numbers of pairs, up to `most`, and of images, up to a hundredth of it.

    Args:
        most: pairs.
        repeat: runs to take the median of.
        plot: a picture of both, by matplotlib, whose ending says its format.

    Raises:
        ValueError: `plot` has an ending that matplotlib does not know.
        OSError: `plot` cannot be written.
    """
    counts = [most // part for part in (100, 30, 10, 3, 1)]
    run = Run(FaceRecognizer.from_pretrained(device="cpu"), Work(RecognizerSpec(), "largest"), MadeUp(128))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = [(count, _seconds_of_pairs(run, folder, count, most, repeat)) for count in counts]
        images = [max(1, count // PAIRS_AN_IMAGE) for count in counts]
        both = [(count, _seconds_of_images(run, folder / str(place), count)) for place, count in enumerate(images)]
    lines = {
        "pairs, warm": pairs,
        "images, cold": [(count, cold) for count, (cold, _) in both],
        "images, warm": [(count, warm) for count, (_, warm) in both],
    }
    for name, points in lines.items():
        for count, seconds in points:
            print(f"{name:14s} {count:10,d} {seconds:9.3f} s {1e6 * seconds / count:9.2f} us each")
    if plot is not None:
        _draw(lines, plot)
        print(f"wrote {plot}")


@dataclass(frozen=True)
class MadeUp:
    """An engine that looks at no photo: every embedding is random."""

    dim: int
    name: str = "made-up"

    def run(self, work: Work, photos: Sequence[Photo]) -> Iterator[Embedded]:
        """See `eval.engines.base.Engine`."""
        for begin in range(0, len(photos), PIECE):
            rows = np.arange(begin, min(begin + PIECE, len(photos)))
            n = len(rows)
            yield Embedded(rows, ("ok",) * n, _unit_rows(n, self.dim), np.ones(n, np.float32), np.ones(n, np.bool_), {})


def _unit_rows(count: int, dim: int) -> np.ndarray:
    rows = np.random.default_rng(count).standard_normal((count, dim), np.float32)
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _seconds_of_pairs(run: Run, folder: Path, count: int, most: int, repeat: int) -> float:
    """From a list of so many pairs over as many images as the longest list has, to the CSV."""
    images = max(2, most // PAIRS_AN_IMAGE)
    path, rng = folder / "pairs.txt", np.random.default_rng(0)
    drawn = rng.integers(0, images, (count, 2))
    path.write_text("".join(f"{left:07d}.jpg {right:07d}.jpg {(left + right) % 2}\n" for left, right in drawn))
    matrix = _unit_rows(images, run.recognizer.embedding_dim)

    def score() -> None:
        source = open_pairs(path)
        index = read_index(source)
        n = len(index.names)
        sides = Sides(matrix[:n], np.full(n, "ok", object), np.ones(n, np.float32), n, {})
        write_scores(score_pairs(run, index, sides).tables(source), folder / "scores.csv")

    return median_seconds(score, repeat)


def _seconds_of_images(run: Run, folder: Path, count: int) -> tuple[float, float]:
    """Through an empty cache, and through a full one."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    paths = [photos / f"{number:07d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(f"{count} {number}".encode())
    cache = Cache(folder / "cache")
    try:
        cached = Run(run.recognizer, run.work, MadeUp(run.recognizer.embedding_dim), cache)
        times = []
        for _ in range(2):
            began = time.perf_counter()
            cached.embed(paths)
            times.append(time.perf_counter() - began)
    finally:
        cache.close()
    return times[0], times[1]


def _draw(lines: dict[str, Points], plot: Path) -> None:
    from matplotlib.figure import Figure  # takes a second to import

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, points in lines.items():
        axes.loglog(*zip(*points, strict=True), marker="o", label=name)
    axes.set_xlabel("number of pairs or images")
    axes.set_ylabel("seconds")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    kind = plot.suffix.removeprefix(".")
    if kind not in figure.canvas.get_supported_filetypes():
        raise ValueError(f"--plot {plot}: a picture of an unknown kind; use an ending such as .png")
    with atomic_path(plot) as path:
        figure.savefig(path, format=kind, dpi=150)
