"""A pair list and a run make scores: every distinct photo embedded once, every pair a cosine."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from eval.index import PairIndex
from eval.resolve import Resolver
from eval.run import Run
from facecore.checkpoint import Model
from facecore.errors import PairListError
from facecore.recognizer import decision_threshold
from facecore.verification.pairs import PairSource
from facecore.verification.scores import cosines


@dataclass(frozen=True)
class Sides:
    """What the names of a list stand for: photos, or templates of several photos.

    Attributes:
        matrix: (E, D) float32, rows of length one; a row of NaN where there is no embedding.
        status: (E,) text, see `facecore.results.Prepared.status`, or missing, outside_root.
        quality: (E,) float32 in 0..1, NaN where there is no face.
        images: number of distinct files that were looked at.
        problems: what is wrong, by place.
        left_out: photos of templates that have no embedding, and do not count in their templates.
    """

    matrix: np.ndarray
    status: np.ndarray
    quality: np.ndarray
    images: int
    problems: dict[int, str]
    left_out: int = 0


@dataclass(frozen=True)
class Unusable:
    """A name of a list that has no embedding.

    Attributes:
        name: as the list has it.
        status: why, see `Sides.status`.
        pairs: in which it appears; they failed.
        problem: more of why, for people; often empty.
    """

    name: str
    status: str
    pairs: int
    problem: str


@dataclass(frozen=True)
class Scored:
    """The outcome of a run.

    Attributes:
        index: the pairs.
        sides: what their names stand for.
        scores: (P,) float64 in -1..1, NaN for failed pairs.
        model: whose calibration gives probabilities and decisions.
        far: decide by the threshold at this false accept rate alone.
        threshold: decide by this score alone.
    """

    index: PairIndex
    sides: Sides
    scores: np.ndarray
    model: Model
    far: float | None = None
    threshold: float | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def failed(self) -> int:
        """The number of pairs without a score."""
        return int(np.isnan(self.scores).sum())

    @property
    def failures(self) -> dict[str, int]:
        """The number of names by what is wrong with them, the commonest first."""
        bad = [code for code in self.sides.status.tolist() if not code.startswith("ok")]
        return {str(code): int(count) for code, count in pd.Series(bad, dtype=object).value_counts().items()}

    def costliest(self) -> list[Unusable]:
        """The names without an embedding, those that cost most pairs first, each once however often it appears."""
        counts = np.where([code.startswith("ok") for code in self.sides.status], 0, self.index.counts())
        return [
            Unusable(
                self.index.names[place],
                str(self.sides.status[place]),
                int(counts[place]),
                self.sides.problems.get(place, ""),
            )
            for place in np.argsort(-counts, kind="stable").tolist()
            if counts[place]
        ]

    def labelled(self) -> pd.DataFrame:
        """Columns score, label and fold as far as the list has them: what figures are made of."""
        table = pd.DataFrame({"score": self.scores})
        if self.index.label is not None:
            label = self.index.label
            table["label"] = pd.arrays.BooleanArray(label == 1, label == -1)
        if self.index.fold is not None:
            table["fold"] = self.index.fold
        return table

    def tables(self, source: PairSource, quality: bool = False) -> Iterator[pd.DataFrame]:
        """The rows of scores.csv in pieces: left, right, score, probability, decision, status, then the list's own.

        Args:
            source: the list once more.
            quality: whether to add left_quality and right_quality.

        Raises:
            PairListError: the list is not what it was.
        """
        begin = 0
        for table in source.tables():
            end = begin + len(table)
            if end > len(self):
                break
            yield self._table(table, begin, end, quality)
            begin = end
        if begin != len(self):
            raise PairListError(f"{source.name}: the list was changed while it was being scored")

    def _table(self, table: pd.DataFrame, begin: int, end: int, quality: bool) -> pd.DataFrame:
        left, right = self.index.left[begin:end], self.index.right[begin:end]
        scores, status = self.scores[begin:end], self.sides.status
        out = {"left": table["left"], "right": table["right"], "score": scores}
        out["probability"] = _probabilities(self.model, scores)
        out["decision"] = _decisions(self.model, scores, self.far, self.threshold)
        out["status"] = _pair_status(status[left], status[right])
        own = [name for name in ("label", "fold") if name in table]
        out.update({name: table[name] for name in own})
        if quality:
            out["left_quality"], out["right_quality"] = self.sides.quality[left], self.sides.quality[right]
        rest = table.drop(columns=["left", "right", *own])
        return pd.concat([pd.DataFrame(out), rest], axis=1)


def score_pairs(
    run: Run, index: PairIndex, sides: Sides, far: float | None = None, threshold: float | None = None
) -> Scored:
    """The scores of all pairs.

    Raises:
        ValueError: `far` or `threshold` cannot be used.
    """
    decision_threshold(run.model, far, threshold)
    return Scored(index, sides, cosines(sides.matrix, index.left, index.right), run.model, far, threshold)


def embed_names(run: Run, names: list[str], resolver: Resolver) -> Sides:
    """Embed the photo behind each name; two names of one file are embedded once."""
    outcomes = [resolver.find(name) for name in names]
    files = list(dict.fromkeys(outcome for outcome in outcomes if isinstance(outcome, Path)))
    found = run.embed(files)
    row_of = {file: row for row, file in enumerate(files)}
    # Names without a file share one last row.
    rows = np.array([row_of[o] if isinstance(o, Path) else len(files) for o in outcomes], np.intp)
    nothing = np.full((1, found.matrix.shape[1]), np.nan, np.float32)
    status = [found.status[row_of[o]] if isinstance(o, Path) else o for o in outcomes]
    return Sides(
        np.vstack([found.matrix, nothing])[rows],
        np.array(status, object),
        np.append(found.quality, np.float32(np.nan))[rows],
        len(files),
        {place: found.problems[row] for place, row in enumerate(rows.tolist()) if row in found.problems},
    )


def embed_bytes(run: Run, photos: list[bytes]) -> Sides:
    """Embed photos that are no files: the content of each, in the order of the names that stand for them."""
    found = run.embed(photos)
    return Sides(found.matrix, np.array(found.status, object), found.quality, len(photos), found.problems)


def _probabilities(model: Model, scores: np.ndarray) -> np.ndarray:
    probabilities = np.full(len(scores), np.nan)
    known = np.isfinite(scores)
    if model.calibration is not None:
        probabilities[known] = model.calibration.probabilities(scores[known])
    return probabilities


def _decisions(model: Model, scores: np.ndarray, far: float | None, threshold: float | None) -> np.ndarray:
    decisions = np.full(len(scores), "failed", dtype=object)
    known = np.isfinite(scores)
    limit = decision_threshold(model, far, threshold)
    if model.calibration is not None:
        decisions[known] = model.calibration.verdicts(scores[known], far=far, threshold=threshold)
    elif limit is not None:
        decisions[known] = np.where(scores[known] >= limit, "same", "different")
    else:
        decisions[known] = ""
    return decisions


def _pair_status(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """ok, ok:whole, or what is wrong on which side; in most rows nothing is."""
    status = np.full(len(left), "ok", dtype=object)
    for row in np.flatnonzero((left != "ok") | (right != "ok")).tolist():
        bad = [f"{side}:{code}" for side, code in (("left", left[row]), ("right", right[row])) if code[:2] != "ok"]
        status[row] = ";".join(bad) or "ok:whole"
    return status
