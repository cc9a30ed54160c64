"""From the command line's wishes to a table, its record and the options of a report."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eval.report.options import Options, Other
from eval.report.reading import Columns, read_record, read_scores
from eval.report.sample import find_identities, make_sample
from eval.report.thresholds import Rule, Threshold, choose_threshold
from facecore.errors import ModelError
from facecore.pretrained import find_model
from facecore.verification.bootstrap import FEWEST_REPLICATES
from facecore.verification.calibration import Calibration


@dataclass(frozen=True)
class Request:
    """The command line's values, by the names of its flags."""

    scores: Path | None
    threshold: float | None
    threshold_from: Path | None
    threshold_by: Rule
    threshold_far: float
    model: str | None
    by: list[str] | None
    compare: list[Path] | None
    images: Path | None
    worst: int
    no_pictures: bool
    score_column: str
    label_column: str | None
    columns: list[str] | None
    distance: bool
    identity: list[str]
    replicates: int
    seed: int


def load(r: Request, say: Callable[[str], None]) -> tuple[pd.DataFrame, dict[str, Any] | None, Options]:
    """Read all that is named.

    Raises:
        ValueError: flags contradict each other or cannot be used.
        PairListError: a file of scores cannot be read.
        ModelError: the model cannot be used.
    """
    path, second = _paths(r)
    identity = _check(r)
    columns = Columns(r.score_column, r.label_column, (r.columns[0], r.columns[1]) if r.columns else None)
    say(f"reading {path.name}")
    table, record = read_scores(path, columns), _record(r, path)
    calibration = _calibration(r.model) if r.model else None
    threshold = Threshold(r.threshold, "the one given") if r.threshold is not None else None
    if calibration is not None:
        threshold = threshold or Threshold(calibration.threshold, f"the one that ships with the model {r.model}")
        table = _with_probabilities(table, calibration)
    if r.threshold_from is not None:
        threshold = _chosen(r, columns, table)
    other = None
    if second is not None:
        say(f"reading {second.name}")
        other = Other(read_scores(second, columns), _record(r, second), _name(path, second)[1])
    options = Options(
        name=_name(path, second)[0],
        threshold=threshold,
        distance=r.distance,
        identity=identity,
        by=tuple(r.by or ()),
        compare=other,
        images=r.images,
        pictures=not r.no_pictures,
        worst=r.worst,
        replicates=r.replicates,
        seed=r.seed,
        say=say,
    )
    return table, record, options


def _paths(r: Request) -> tuple[Path, Path | None]:
    given = [*([r.scores] if r.scores else []), *(r.compare or [])]
    if not given:
        raise ValueError("give a CSV of scores: python -m eval.report scores.csv --out DIR")
    if r.compare and len(given) != 2:
        raise ValueError(f"--compare sets two files against each other, and {len(given)} are given")
    return given[0], given[1] if len(given) == 2 else None


def _check(r: Request) -> str | tuple[str, str]:
    """Refuse values that cannot be used; returns the choice of identities."""
    if len([flag for flag in (r.threshold, r.threshold_from) if flag is not None]) > 1:
        raise ValueError("give --threshold or --threshold-from, not both")
    if r.threshold is not None and not math.isfinite(r.threshold):
        raise ValueError(f"--threshold must be a finite number, not {r.threshold}")
    if not 0 < r.threshold_far < 1:
        raise ValueError(f"--threshold-far lies between 0 and 1, not at {r.threshold_far}")
    if r.worst < 0:
        raise ValueError(f"--worst must be 0 or more, not {r.worst}")
    if r.replicates < FEWEST_REPLICATES:
        raise ValueError(f"--replicates must be {FEWEST_REPLICATES} or more, not {r.replicates}")
    if r.by and len(r.by) > 2:
        raise ValueError(f"--by takes one column, or two (of the left and the right photo), not {len(r.by)}")
    if r.images is not None and not r.images.is_dir():
        raise ValueError(f"--images {r.images}: there is no such folder")
    if r.model and r.distance:
        raise ValueError("--model gives the meaning of its own scores, which are no distances")
    if len(r.identity) == 2:
        return r.identity[0], r.identity[1]
    if len(r.identity) != 1 or r.identity[0] not in ("auto", "folder", "image"):
        raise ValueError("--identity is auto, folder, image, or two columns that name the persons")
    return r.identity[0]


def _record(r: Request, path: Path) -> dict[str, Any] | None:
    """The record beside the scores; its threshold says nothing about another column."""
    record = read_record(path)
    if record is not None and r.score_column != "score":
        return {**record, "threshold": None}
    return record


def _name(path: Path, second: Path | None) -> tuple[str, str]:
    """What to call the two files: their names, with their folders where these are equal."""
    if second is None or second.name != path.name:
        return path.name, second.name if second else ""
    return str(path), str(second)


def _calibration(model: str) -> Calibration:
    path = find_model(model) / "calibration.json"
    try:
        return Calibration.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ModelError(
            f"{model}: the model has no calibration.json; make one with python -m eval.calibrate"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from error


def _with_probabilities(table: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    """The model's probabilities, in place of those of the table."""
    scores = np.array(table["score"], np.float64)
    probabilities = np.full(len(scores), np.nan)
    known = np.isfinite(scores)
    probabilities[known] = calibration.probabilities(scores[known])
    return table.assign(probability=probabilities)


def _chosen(r: Request, columns: Columns, table: pd.DataFrame) -> Threshold:
    """The threshold from the other list, with a warning where both name the same photos."""
    assert r.threshold_from is not None
    dev = read_scores(r.threshold_from, columns)
    sample = make_sample(dev, find_identities(dev), r.distance)
    chosen = choose_threshold(sample, r.threshold_by, r.threshold_far, -1 if r.distance else 1, r.threshold_from.name)
    shared = len(_photos(dev) & _photos(table))
    if not shared:
        return chosen
    warning = f"{shared:,} photos are named in both lists: if they are the same photos, the threshold has seen them."
    return replace(chosen, warning=f"{chosen.warning} {warning}".strip())


def _photos(table: pd.DataFrame) -> set[str]:
    return {name for side in ("left", "right") if side in table for name in table[side].unique()}
