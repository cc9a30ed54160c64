"""What a model directory says about its model, for the page to tell."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from facecore.checkpoint import Model

GROUPS = "groups.csv"
"""False match rates by group, as python -m eval.groups writes them."""
PROGRESS = "progress.json"
"""What the training has done, as it keeps it beside its models; config.json tells of the last of several runs alone."""

_LONGEST = 100_000  # characters of a model card that are looked at


@dataclass(frozen=True)
class GroupRate:
    """How often strangers of one group pass for one person.

    Attributes:
        name: of the group.
        rate: share of its impostor pairs that are accepted at the shipped threshold, 0..1.
        low, high: 95 % interval of the rate.
        few: whether it rests on so few false matches that it says little.
    """

    name: str
    rate: float
    low: float
    high: float
    few: bool


@dataclass(frozen=True)
class Card:
    """What is known of a model; empty where the directory does not say.

    Attributes:
        licence: by name.
        pools: figures on pairs that the calibration did not see, by the name of the pool.
        training: the summary in config.json, with the faces and hours of all phases where progress.json tells of them.
        ages: rates within age groups, youngest first; None where they were not measured.
    """

    licence: str
    pools: dict[str, dict[str, Any]]
    training: dict[str, Any]
    ages: tuple[GroupRate, ...] | None


def read_card(model: Model) -> Card:
    """Read what the directory of a model says. A file that is missing or damaged counts as one that says nothing."""
    directory = model.directory if model.directory.is_dir() else model.directory.parent
    evidence = model.calibration.evidence if model.calibration else {}
    pools = {name: figures for name, figures in evidence.items() if isinstance(figures, dict)}
    whole = model.directory.is_dir()  # beside an ONNX file lie files that may be of any model
    licence = read_licence(directory / "README.md") if whole else ""
    training = {**model.config.training, **(read_progress(directory / PROGRESS) if whole else {})}
    return Card(licence, pools, training, read_ages(directory / GROUPS) if whole else None)


def read_progress(path: Path) -> dict[str, Any]:
    """How many faces were shown in how many hours; nothing where the file does not say both."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"samples": int(content["samples_done"]), "hours": float(content["hours"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def read_licence(path: Path) -> str:
    """The licence that the front matter of a model card names, or nothing."""
    try:
        content = path.read_text(encoding="utf-8")[:_LONGEST]
        before, _, after = content.partition("---\n")
        block, end, _ = after.partition("\n---")
        matter = yaml.safe_load(block) if end and not before.strip() else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    if not isinstance(matter, dict):
        return ""
    licence = matter.get("license")
    if licence == "other" or licence is None:
        licence = matter.get("license_name", licence)
    return licence if isinstance(licence, str) else ""


def read_ages(path: Path) -> tuple[GroupRate, ...] | None:
    """False match rates within age groups, youngest first, or None where the file does not hold them."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("by") == "age" and row.get("kind") == "within"]
        rates = [_rate(row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError):
        return None
    return tuple(sorted(rates, key=lambda rate: _youngest(rate.name))) or None


def _rate(row: dict[str, str]) -> GroupRate:
    rate, low, high = (float(row[name]) for name in ("fmr", "low", "high"))
    if not 0 <= low <= rate <= high <= 1:
        raise ValueError("these are no rates")
    return GroupRate(row["left"], rate, low, high, row["few"].strip().lower() in ("1", "true", "yes"))


def _youngest(name: str) -> tuple[float, str]:
    digits = "".join(character if character.isdigit() else " " for character in name).split()
    return (float(digits[0]) if digits else math.inf), name
