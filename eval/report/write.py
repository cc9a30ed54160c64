"""From a table of scores to a folder with report.html, report.json and pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eval.report.comparison import Comparison, check_same_pairs, compare
from eval.report.figure import FigureSet
from eval.report.figures import make_figures
from eval.report.groups import Group, Spread, false_match_spread, make_groups
from eval.report.options import Options
from eval.report.page import Page, Plot, make_page
from eval.report.pictures import make_pictures
from eval.report.sample import Identities, Sample, find_identities, make_sample
from eval.report.sentences import METHODS, about, failures, lead, provenance, warnings
from eval.report.thresholds import NONE, Threshold, from_record
from eval.report.worst import Thumbnails, find_worst
from eval.resolve import Resolver
from facecore.files import atomic_path, write_text

FORMAT_VERSION = 1


def write_report(
    table: pd.DataFrame, record: dict[str, Any] | None, out: Path, options: Options | None = None
) -> dict[str, Any]:
    """Write report.html, report.json and the pictures into a folder, each whole or not at all.

    Args:
        table: as `read_scores` gives it: `score` (NaN for a failed pair) and, where there are
            such, left, right, label, probability, fold, status, left_quality, right_quality and others.
        record: what `eval.score` writes beside its CSV; None where there is none.
        out: the folder; made where it is not there, a former report in it is replaced.
        options: what to show.

    Returns:
        The content of report.json.

    Raises:
        ValueError: an option does not fit the table; says which.
        PairListError: the table to compare with holds other pairs.
        OSError: the folder cannot be written.
    """
    options = options or Options()
    if options.compare is not None:
        check_same_pairs(table, options.compare.table, (options.name, options.compare.name))
    out.mkdir(parents=True, exist_ok=True)
    identities = find_identities(table, options.identity)
    sample = make_sample(table, identities, options.distance)
    threshold = options.threshold or (NONE if options.distance else from_record(record))
    limit = None if threshold.value is None else options.sign * threshold.value
    options.say("figures")
    whole, scored, note = _figure_sets(sample, limit, options)
    groups, spread = _groups(table, sample, limit, options)
    comparison = _compare(table, record, sample, threshold, identities, options)
    options.say("pictures")
    pictures, curves = make_pictures(table, sample, limit, options.sign)
    worst = find_worst(table, sample, limit, options.worst, options.sign) if sample.same.size else None
    resolver, picture_note = _resolver(table, record, options)
    warned = warnings(table, record, sample, identities, threshold)
    page = Page(
        title=f"Face verification: {options.name}",
        lead=lead(sample, whole),
        warnings=warned,
        about=about(table, sample, identities, threshold),
        figures=whole,
        scored_only=scored,
        scored_note=note,
        plots=pictures,
        by=" and ".join(options.by),
        groups=groups,
        spread=spread,
        comparison=comparison,
        worst=worst if options.worst else None,
        thumbnails=Thumbnails(resolver),
        picture_note=picture_note,
        methods=METHODS,
        provenance=provenance(record),
    )
    report = {
        "format_version": FORMAT_VERSION,
        "name": options.name,
        "record": record,
        "pairs": {
            "rows": len(table),
            "genuine": sample.genuine,
            "impostors": sample.impostors,
            "unlabelled": len(table) - sample.same.size,
            "failed": int(table["score"].isna().sum()),
            "failed_genuine": int((~sample.scored & sample.same).sum()),
            "failed_impostors": int((~sample.scored & ~sample.same).sum()),
            "failures": failures(table),
            "images": None if identities.images is None else int(np.unique(identities.images).size),
        },
        "identities": {"kind": identities.kind, "sentence": identities.sentence},
        "threshold": threshold.to_dict(),
        "warnings": warned,
        "figures": whole and whole.to_dict(),
        "figures_without_failed": scored and scored.to_dict(),
        "groups": [{"name": group.name, **group.figures.to_dict()} for group in groups],
        "false_match_spread": spread and spread.to_dict(),
        "comparison": comparison and comparison.to_dict(),
        "worst": worst and worst.to_dict(),
        "curves": curves,
        "missing_pictures": {plot.name: plot.caption for plot in pictures if not plot.light},
    }
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    _write(out, pictures, make_page(page), text)
    content: dict[str, Any] = json.loads(text)
    return content


def _figure_sets(
    sample: Sample, limit: float | None, options: Options
) -> tuple[FigureSet | None, FigureSet | None, str]:
    """Over all labelled pairs, over those with a score, and why the latter are absent."""
    if not sample.same.size:
        return None, None, ""
    how = {"sign": options.sign, "replicates": options.replicates, "seed": options.seed}
    whole = make_figures(sample, limit, **how)
    if not whole.failed:
        return whole, None, "No pair failed, so the figures without failed pairs are the same."
    left = sample.take(sample.scored)
    if not left.same.size:
        return whole, None, "Every labelled pair failed, so nothing is left without the failed pairs."
    return whole, make_figures(left, limit, **how), ""


def _groups(
    table: pd.DataFrame, sample: Sample, limit: float | None, options: Options
) -> tuple[list[Group], Spread | None]:
    if not options.by:
        return [], None
    if not sample.same.size:
        raise ValueError(f"--by {' '.join(options.by)}: figures of groups need labels, and no pair has one")
    options.say("groups")
    groups = make_groups(table, sample, options.by, limit, options.sign, options.seed)
    if limit is None:
        return groups, None
    return groups, false_match_spread(groups)


def _compare(
    table: pd.DataFrame,
    record: dict[str, Any] | None,
    sample: Sample,
    threshold: Threshold,
    identities: Identities,
    options: Options,
) -> Comparison | None:
    other = options.compare
    if other is None:
        return None
    options.say("comparison")
    labels = {"label": table["label"]} if "label" in table else {}
    theirs = make_sample(
        other.table.drop(columns="label", errors="ignore").assign(**labels), identities, options.distance
    )
    second = NONE if options.distance else from_record(other.record)
    limits = (threshold.value, second.value)
    first, last = (None if value is None else options.sign * value for value in limits)
    names = (options.name, other.name)
    how = {"sign": options.sign, "replicates": options.replicates, "seed": options.seed}
    return compare(sample, theirs, (first, last), names, **how)


def _resolver(table: pd.DataFrame, record: dict[str, Any] | None, options: Options) -> tuple[Resolver | None, str]:
    """What finds the photos, and a note about them for the reader."""
    if not options.pictures:
        return None, "Photos are left out on request (--no-pictures)."
    if not {"left", "right"} <= set(table.columns):
        return None, "The table names no photos, so none can be shown."
    root = options.images
    if root is None and isinstance((record or {}).get("image_root"), str):
        root = Path((record or {})["image_root"])
    if root is None:
        return None, "Photos are not shown, since their folder is not known: give --images DIR."
    if not root.is_dir():
        return None, f"Photos are not shown, since their folder {root} is not there: give --images DIR."
    kind = (record or {}).get("list")
    return Resolver(root, False, isinstance(kind, dict) and kind.get("kind") == "lfw"), ""


def _write(out: Path, pictures: Sequence[Plot], page: str, report: str) -> None:
    for plot in pictures:
        if plot.light:
            with atomic_path(out / f"{plot.name}.png") as path:
                path.write_bytes(plot.light)
        else:
            (out / f"{plot.name}.png").unlink(missing_ok=True)  # of a former report
    write_text(out / "report.html", page)
    write_text(out / "report.json", report + "\n")
