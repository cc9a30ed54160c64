"""Sections on groups and on poor photos: what `python -m eval.groups` and `eval.robustness` left in a folder."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd

from eval.card.results import check_weights, read_result
from eval.card.words import picture, table
from eval.groups.rates import GroupRate
from eval.groups.words import across, meaning
from facecore.errors import DataError

EVIDENCE = "evidence"
GROUPS = f"{EVIDENCE}/groups.png"
BY = ("age", "gender", "race")


def group_words(folder: Path, digest: str) -> tuple[str, dict[str, Path]]:
    """False matches by group: a table of the rates within groups, and what they mean; the section and its files.

    Args:
        folder: that `eval.groups` wrote.
        digest: of the model whose card it is.

    Raises:
        DataError: the folder holds no results of `eval.groups`, or those of another model.
    """
    check_weights(folder, read_result(folder / "groups.json", "python -m eval.groups"), digest)
    rates = _read_rates(folder / "groups.csv")
    within = [rate for rate in rates if rate.within and rate.by in BY]
    rows = [
        [
            rate.by,
            rate.left,
            f"{100 * rate.fmr:.3f} % ({100 * rate.low:.3f} to {100 * rate.high:.3f})",
            f"{rate.false_matches:,} of {rate.pairs:,}" + (" *few*" if rate.few else ""),
        ]
        for rate in within
    ]
    parts = [table(["by", "both photos of", "FMR (95 % interval)", "false matches of pairs"], rows)]
    for by in BY:
        part = [rate for rate in rates if rate.by == by]
        if part:
            parts.append(f"By {by}: {meaning(part)} {across(part)}")
    parts.append(picture(GROUPS, "False match rates within groups, with intervals"))
    return "\n\n".join(parts), {"groups.csv": folder / "groups.csv", GROUPS: folder / "groups.png"}


def poor_photo_words(folder: Path, digest: str) -> tuple[str, dict[str, Path]]:
    """What poor photos do, without the tables of all levels; returns the section and its files.

    Args:
        folder: that `eval.robustness` wrote.
        digest: of the model whose card it is.

    Raises:
        DataError: the folder holds no results of `eval.robustness`, or those of another model.
    """
    check_weights(folder, read_result(folder / "robustness.json", "python -m eval.robustness"), digest)
    path = folder / "robustness.md"
    try:
        head, *sections = path.read_text(encoding="utf-8").split("\n### ")
    except OSError as error:
        raise DataError(f"{path}: no report of python -m eval.robustness: {error}") from error
    # The first line names the folder that the model was read from, which means nothing on its card.
    parts = [head.partition(": ")[2].strip()]
    parts += ["### " + section.strip() for section in sections if section.startswith("The warning of")]
    parts.append(picture(f"{EVIDENCE}/robustness.png", "Matches found and scores against the level of each damage"))
    names = ("robustness.csv", "robustness.png")
    return "\n\n".join(parts), {f"{EVIDENCE}/{name}": folder / name for name in names}


def _read_rates(path: Path) -> Sequence[GroupRate]:
    names = [field.name for field in fields(GroupRate)]
    try:
        table_ = pd.read_csv(path, dtype={"by": str, "left": str, "right": str}, usecols=names)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no table of python -m eval.groups: {error}") from error
    return [GroupRate(*row) for row in table_[names].itertuples(index=False)]
