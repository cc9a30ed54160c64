"""Which faces are kept, and why the others are not: size, duplicates, and labels that are likely wrong."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

REASONS = {
    "unreadable": "not a readable photo",
    "no_face": "no face found",
    "several_faces": "several faces",
    "no_person": "lies in no person's folder",
    "too_small": "face too small",
    "two_people": "the same photo under two people",
    "duplicate": "the same photo of this person",
    "near_duplicate": "nearly the same photo of this person",
    "outlier": "likely wrong label",
}
"""Codes of the report, in the order in which they are looked for: a photo has the first that fits."""


OUTLIER = 0.55
"""Limit for the bundled model, from photos put under a wrong name at random, 5 in 100. Lost of the right photos / found
of the wrong ones, in %, mean of 20 draws: 1.2 / 98.8 for 125 people that it was not trained on (half `fit`, 12 to 59
photos each); with 6 photos each 0.8 / 98.6, with 4 photos 0.4 / 95.1. At 0.5 it would be 2.0 / 99.4, at 0.6 it would
be 0.7 / 97.5."""


@dataclass(frozen=True)
class Limits:
    """What is left out.

    Attributes:
        min_eyes: fewest pixels between the eyes in the photo. Under 14 px the bundled model was not trained.
        outlier: highest distance (1 - cosine) of a face from the median of its person; 2 looks for none.
        keep_outliers: report them, and keep them.
        duplicate: cosine of two faces of one person above which they are one photo; None looks at pixels alone.
        least: faces that a person needs for outliers to be looked for: the median of fewer says little.
    """

    min_eyes: float = 14.0
    outlier: float = OUTLIER
    keep_outliers: bool = False
    duplicate: float | None = None
    least: int = 4

    @property
    def need_embeddings(self) -> bool:
        """Whether a network has to look at the faces."""
        return self.outlier < 2 or self.duplicate is not None


def judge(facts: pd.DataFrame, labelled: bool, vectors: NDArray[np.float16] | None, limits: Limits) -> pd.DataFrame:
    """The report.

    Args:
        facts: one row a photo: `path`, `person` (empty where it lies in no person's folder), `status`, `details`,
            `pixels` (equal for equal faces), `eye_distance`.
        labelled: whether photos belong to people at all.
        vectors: (N, D), of length one, rows of NaN without a face; None where none are needed.
        limits: see there.

    Returns:
        Columns path, person, status ("kept" or "left out"), reason (see `REASONS`, empty for most), details, distance
        (of a face from the median of its person, NaN where unknown) and eye_distance.
    """
    report = facts[["path", "person"]].copy()
    report["reason"] = facts["status"].where(facts["status"] != "ok", "")
    report["details"] = facts["details"]
    report["distance"] = np.nan
    report["eye_distance"] = facts["eye_distance"]
    if labelled:
        report.loc[(report["person"] == "") & _open(report), "reason"] = "no_person"
    small = _open(report) & (facts["eye_distance"] < limits.min_eyes)
    report.loc[small, "reason"] = "too_small"
    report.loc[small, "details"] = [f"{value:.1f} px between the eyes" for value in facts["eye_distance"][small]]
    _mark_same_pixels(report, facts["pixels"])
    if vectors is not None and labelled:
        for _, rows in report[_open(report)].groupby("person").groups.items():
            places = np.asarray(rows, np.int64)
            if limits.duplicate is not None:
                places = _mark_near(report, places, vectors, limits.duplicate)
            if limits.outlier < 2 and len(places) >= limits.least:
                _mark_outliers(report, places, vectors, limits.outlier)
    kept = _open(report) | ((report["reason"] == "outlier") & limits.keep_outliers)
    report.insert(2, "status", np.where(kept, "kept", "left out"))
    return report


def median_distances(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance (1 - cosine) of each vector (N, D) from the direction of their median, taken in each dimension."""
    rows = vectors.astype(np.float64)
    median = np.median(rows, axis=0)
    length = float(np.linalg.norm(median))
    return 1 - rows @ (median / length) if length > 0 else np.ones(len(rows))


def _open(report: pd.DataFrame) -> "pd.Series[bool]":
    return report["reason"] == ""


def _mark_same_pixels(report: pd.DataFrame, pixels: "pd.Series[str]") -> None:
    """The same face, to the last bit, twice: of one person the first is kept, of two people none."""
    candidates = report[_open(report)]
    candidates = candidates.assign(pixels=pixels[candidates.index])
    repeated = candidates[candidates.duplicated("pixels", keep=False)]
    for _, group in repeated.groupby("pixels", sort=False):
        paths, people = group["path"].tolist(), group["person"].tolist()
        if len(set(people)) > 1:
            others = [next(path for path, name in zip(paths, people, strict=True) if name != own) for own in people]
            report.loc[group.index, "reason"] = "two_people"
            report.loc[group.index, "details"] = [f"as {other}" for other in others]
        else:
            report.loc[group.index[1:], "reason"] = "duplicate"
            report.loc[group.index[1:], "details"] = f"as {paths[0]}"


def _mark_near(
    report: pd.DataFrame, places: NDArray[np.int64], vectors: NDArray[np.float16], limit: float
) -> NDArray[np.int64]:
    """Mark faces that are too near to an earlier one of the person that is kept; returns the others."""
    rows = vectors[places].astype(np.float32)
    paths = report["path"][places].tolist()
    kept: list[int] = []
    for i, place in enumerate(places):
        cosines = rows[kept] @ rows[i]
        if kept and cosines.max() > limit:
            nearest = paths[kept[int(cosines.argmax())]]
            report.at[place, "reason"] = "near_duplicate"
            report.at[place, "details"] = f"as {nearest} (cosine {cosines.max():.3f})"
        else:
            kept.append(i)
    return places[kept]


def _mark_outliers(report: pd.DataFrame, places: NDArray[np.int64], vectors: NDArray[np.float16], limit: float) -> None:
    distances = median_distances(vectors[places])
    report.loc[places, "distance"] = distances
    for place, distance in zip(places[distances > limit], distances[distances > limit], strict=True):
        report.at[place, "reason"] = "outlier"
        report.at[place, "details"] = f"{distance:.3f} from the median of {len(places)} faces"
