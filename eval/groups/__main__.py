"""Measure how often strangers are taken for one person, by age, gender and race.

    python -m eval.groups SHARDS --out groups
    python -m eval.groups SHARDS --model MODEL --by race gender+race --far 1e-4 --out groups

SHARDS is a folder of Parquet shards (faces-*.parquet: id, image, split, and a column of text for each kind of group),
whose split `fairface_val` holds one photo of each person. Every two photos are an impostor pair; a false match is one
whose score reaches the threshold. By default only the photos of the half `test` of val_pairs.parquet take part, which
had no part in the calibration.

Written to --out: groups.csv (a row for each two groups, intervals included), groups.md (tables and what they mean),
groups.png (the rates within groups) and groups.json (what was measured on what). How often the same person is missed
cannot be had from one photo each.

Exit code: 0 done; 2 wrong usage, or shards or a model that cannot be used; 3 the result could not be written;
130 interrupted.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from eval.decision import chosen_threshold
from eval.groups.faces import read_labelled
from eval.groups.picture import draw
from eval.groups.rates import GroupRate, group_rates
from eval.groups.words import Measured, to_markdown
from eval.results import model_record, write_record
from facecore.command_line import DONE, run_command
from facecore.files import atomic_path, write_text
from facecore.flags import add_decision_flags, add_model_flags, recognizer_from


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.groups", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("shards", type=Path, metavar="SHARDS", help="folder of shards with labelled faces")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    p.add_argument("--by", nargs="+", default=["age", "gender", "race", "gender+race"], metavar="COLUMN",
                   help="columns that name groups; gender+race: both together (default age gender race "
                   "gender+race)")  # fmt: skip
    p.add_argument("--split", default="fairface_val", help="of the faces: one photo a person (default fairface_val)")
    p.add_argument("--half", choices=["test", "fit", "all"], default="test",
                   help="photos of this half of val_pairs.parquet; all: whatever it says (default test)")  # fmt: skip
    p.add_argument("--photos", type=int, default=4000, metavar="N",
                   help="at most, chosen at random: pairs grow with its square (default 4000)")  # fmt: skip
    p.add_argument("--seed", type=int, default=0, help="of that choice (default 0)")
    p.add_argument("--batch-size", type=int, default=64, metavar="N", help="faces in one pass (default 64)")
    add_decision_flags(p)
    add_model_flags(p)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _measure, argv)


def _measure(a: argparse.Namespace) -> int:
    for name, value, least in (("photos", a.photos, 2), ("batch-size", a.batch_size, 1)):
        if value < least:
            raise ValueError(f"--{name} must be {least} or more, not {value}")
    recognizer = recognizer_from(a)
    threshold, what = chosen_threshold(recognizer, a.far, a.threshold, a.model)
    faces = read_labelled(a.shards, a.split, None if a.half == "all" else a.half, a.by, a.photos, a.seed)
    crops = [recognizer.input.fit(image) for image in faces.images]
    batches = tqdm(range(0, len(crops), a.batch_size), desc="embedding", unit="batch")
    rows = np.concatenate([recognizer.encode(crops[i : i + a.batch_size], a.batch_size) for i in batches])
    rates = {by: group_rates(by, rows, groups, threshold) for by, groups in faces.groups.items()}
    measured = Measured(str(a.model), len(rows), a.half, threshold, what)
    text = to_markdown(measured, rates)
    _write(a.out, rates, text)
    settings = {"half": a.half, "split": a.split, "photos": len(rows), "threshold": threshold}
    write_record({"model": model_record(recognizer.model), **settings}, a.out / "groups.json")
    print(text)
    print(f"wrote {a.out / 'groups.csv'}, groups.md, groups.png and groups.json", file=sys.stderr)
    return DONE


def _write(out: Path, rates: dict[str, list[GroupRate]], text: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([rate.to_dict() for part in rates.values() for rate in part])
    with atomic_path(out / "groups.csv") as path:
        table.to_csv(path, index=False, lineterminator="\n")
    write_text(out / "groups.md", text)
    picture = draw(rates)
    with atomic_path(out / "groups.png") as path:
        path.write_bytes(picture)


if __name__ == "__main__":
    sys.exit(main())
