"""A pair list and a recognizer make a table of scores, one row a pair."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from eval.embed import embed_images
from eval.resolve import Resolver
from facecore.faces.detector import Policy
from facecore.recognizer import FaceRecognizer, decision_threshold
from facecore.verification.pairs import PairList
from facecore.verification.scores import cosines


@dataclass(frozen=True)
class Scored:
    """The outcome of a run.

    Attributes:
        table: columns left, right, score, probability, decision, status, then those of the list; one row a pair.
        images: number of distinct images that were looked at.
        image_failures: number of distinct names by the code of what is wrong with them.
    """

    table: pd.DataFrame
    images: int
    image_failures: dict[str, int]

    @property
    def scored(self) -> np.ndarray:
        """Which pairs have a score: bool (N,)."""
        return self.table["score"].notna().to_numpy()


def score_pairs(
    recognizer: FaceRecognizer,
    pairs: PairList,
    resolver: Resolver,
    *,
    face: Policy = "largest",
    workers: int = 2,
    batch_size: int = 64,
    far: float | None = None,
    threshold: float | None = None,
) -> Scored:
    """Embed each distinct image once and score every pair.

    Args:
        recognizer: model, detector and calibration.
        pairs: the list.
        resolver: finds its files.
        face: which face of several.
        workers: threads that read photos and find faces.
        batch_size: crops in one pass through the network.
        far: decide by the threshold at this false accept rate alone.
        threshold: decide by this score alone.

    Raises:
        ValueError: `far` or `threshold` cannot be used.
    """
    decision_threshold(recognizer.model, far, threshold)  # fails before the long work, not after it
    names = pd.unique(pd.concat([pairs.table["left"], pairs.table["right"]], ignore_index=True))
    outcomes = [resolver.find(name) for name in names]
    files = list(dict.fromkeys(outcome for outcome in outcomes if isinstance(outcome, Path)))
    embeddings = embed_images(recognizer, files, face=face, workers=workers, batch_size=batch_size)
    row_of_file = {file: row for row, file in enumerate(files)}
    # The row of each name's embedding; names without a file share one last row of NaN.
    rows = np.array([row_of_file[o] if isinstance(o, Path) else len(files) for o in outcomes])
    status = [embeddings.status[row_of_file[o]] if isinstance(o, Path) else o for o in outcomes]
    matrix = np.vstack([embeddings.matrix, np.full((1, embeddings.matrix.shape[1]), np.nan, np.float32)])

    index = pd.Index(names)
    left, right = (index.get_indexer(pd.Index(pairs.table[side])) for side in ("left", "right"))
    scores = cosines(matrix, rows[left], rows[right])
    codes = pd.Series(status, dtype=object).to_numpy()
    table = pd.DataFrame({"left": pairs.table["left"], "right": pairs.table["right"], "score": scores})
    table["probability"] = _probabilities(recognizer, scores)
    table["decision"] = _decisions(recognizer, scores, far, threshold)
    table["status"] = _pair_status(codes[left], codes[right])
    rest = pairs.table.drop(columns=["left", "right"])
    failures = pd.Series([code for code in status if not code.startswith("ok")], dtype=object).value_counts()
    return Scored(pd.concat([table, rest], axis=1), len(files), {str(k): int(v) for k, v in failures.items()})


def _probabilities(recognizer: FaceRecognizer, scores: np.ndarray) -> np.ndarray:
    probabilities = np.full(len(scores), np.nan)
    known = np.isfinite(scores)
    if recognizer.calibration is not None:
        probabilities[known] = recognizer.calibration.probabilities(scores[known])
    return probabilities


def _decisions(
    recognizer: FaceRecognizer, scores: np.ndarray, far: float | None, threshold: float | None
) -> np.ndarray:
    decisions = np.full(len(scores), "failed", dtype=object)
    known = np.isfinite(scores)
    limit = decision_threshold(recognizer.model, far, threshold)
    if recognizer.calibration is not None:
        decisions[known] = recognizer.calibration.verdicts(scores[known], far=far, threshold=threshold)
    elif limit is not None:
        decisions[known] = np.where(scores[known] >= limit, "same", "different")
    else:
        decisions[known] = ""
    return decisions


def _pair_status(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """ok, ok:whole, or what is wrong on which side."""
    left_ok = pd.Series(left).str.startswith("ok").to_numpy()
    right_ok = pd.Series(right).str.startswith("ok").to_numpy()
    whole = (left == "ok:whole") | (right == "ok:whole")
    failed_left = np.where(left_ok, "", "left:" + left)
    failed_right = np.where(right_ok, "", "right:" + right)
    both = np.where(left_ok | right_ok, "", ";")
    return np.where(left_ok & right_ok, np.where(whole, "ok:whole", "ok"), failed_left + both + failed_right)
