"""Score a list of pairs of photos.

    python -m eval.score pairs.txt
    python -m eval.score pairs.csv --images photos --out scores.csv
    python -m eval.score lfw/pairs.txt --images lfw --far 1e-3

A line of the list names two photos, with or without a label (`a.jpg b.jpg 1`). CSV files with a header, LFW's lists,
course lists (`Id,Category`) and templates (several photos as one) work too; the kind is detected. Each photo is
embedded once and kept in a cache, so that a run that was stopped goes on where it was. The result is a CSV with one row
a line, in the same order: left, right, score, probability, decision, status, and what else the list had. A photo that
cannot be used costs its own pairs and nothing else: their status says which side and why (missing, unreadable, no_face,
several_faces, outside_root). Beside the CSV a JSON file records model, thresholds and settings; both together are what
`python -m eval.report` makes a report of.

Exit code: 0 done, even if some pairs failed; 2 wrong usage, or a list or model that cannot be read; 3 the result could
not be written; 130 interrupted, and the same command goes on.
"""

import argparse
import sys
from pathlib import Path

from eval.flags import add_run_flags
from facecore.command_line import run_command
from facecore.verification.pairs import KINDS


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.score", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("pairs", type=Path, help="the list")
    p.add_argument("--images", type=Path, metavar="DIR", help="where the photos are (default: beside the list)")
    p.add_argument("--out", type=Path, default=Path("scores.csv"), metavar="FILE", help="(default scores.csv)")
    p.add_argument("--list-kind", choices=KINDS, help="what kind of list it is (default: detected)")
    p.add_argument("--columns", nargs=2, metavar=("L", "R"), help="the two columns of a CSV that name the photos")
    p.add_argument("--templates", type=Path, metavar="FILE",
                   help="the list pairs templates, and this file says which photos each has")  # fmt: skip
    p.add_argument("--template-weights", choices=["equal", "quality"], default="equal",
                   help="how much each photo of a template counts (default equal)")  # fmt: skip
    p.add_argument("--allow-outside", action="store_true", help="accept photos that lie outside --images")
    p.add_argument("--format", choices=["csv", "kaggle"], default="csv",
                   help="csv: all columns; kaggle: id and score, to be handed in (default csv)")  # fmt: skip
    p.add_argument("--kaggle-columns", nargs=2, metavar=("ID", "VALUE"),
                   help="names of the columns of --format kaggle (default: the list's, else Id Category)")  # fmt: skip
    p.add_argument("--partitions", choices=["csv", "parquet"],
                   help="with --engine ray: --out is a folder, written in parts by the cluster")  # fmt: skip
    p.add_argument("--quality", action="store_true", help="add the columns left_quality and right_quality")
    p.add_argument("--spreadsheet-safe", action="store_true", help="quote text that a spreadsheet would run")
    add_run_flags(p)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _score, argv)


def _score(a: argparse.Namespace) -> int:
    # Worker processes import this module again, and need not load PyTorch with it.
    from eval.score_list import score_list

    return score_list(a)


if __name__ == "__main__":
    sys.exit(main())
