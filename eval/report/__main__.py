"""Turn scores into a report: figures with intervals, curves, and the worst mistakes as pictures.

    python -m eval.report scores.csv --out report
    python -m eval.report scores.csv --out report --threshold-from dev.csv
    python -m eval.report a.csv --compare b.csv --out report
    python -m eval.report theirs.csv --score-column dist --distance --out report

The scores are those of `eval.score` (the record beside them names model, threshold and photos) or of any other tool: a
CSV with a header, one row a pair, the score in one column and 0 or 1, true or false, same or different in another. An
empty score is a pair that failed. A Parquet file will do as well, and so will a folder of parts, as `eval.score
--partitions` writes it. Into the folder go report.html (one file that asks no other machine for anything),
report.json with every number, and the pictures as PNG.

Exit code: 0 done; 2 wrong usage, or scores that cannot be read; 3 the report could not be written; 130 interrupted.
"""

import argparse
import sys
from pathlib import Path

from eval.report.inputs import Request, load
from eval.report.sentences import terminal
from eval.report.thresholds import RULES
from eval.report.write import write_report
from facecore.command_line import DONE, run_command


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("scores", type=Path, nargs="?", help="the CSV (or Parquet file, or folder of parts)")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the report; made if need be")

    t = p.add_argument_group("threshold", "default: the one in the record beside the scores")
    t.add_argument("--threshold", type=float, metavar="T", help="judge this one")
    t.add_argument("--threshold-from", type=Path, metavar="CSV",
                   help="choose it on these scores of other pairs, and report on the first")  # fmt: skip
    t.add_argument("--threshold-by", choices=RULES, default="far", help="how to choose it (default far)")
    t.add_argument("--threshold-far", type=float, default=1e-3, metavar="F",
                   help="the false accept rate to choose it at (default 1e-3)")  # fmt: skip
    t.add_argument(
        "--model", metavar="NAME", help="take threshold and probabilities from the calibration of this model"
    )

    s = p.add_argument_group("what to show")
    s.add_argument("--by", nargs="+", metavar="COLUMN",
                   help="every figure for each value of a column, or each pair of values of two columns")  # fmt: skip
    s.add_argument("--compare", nargs="+", type=Path, metavar="CSV",
                   help="another model's scores of the same pairs in the same order, set against the first; also as "
                   "--compare a.csv b.csv")  # fmt: skip
    s.add_argument("--images", type=Path, metavar="DIR", help="where the photos are (default: as recorded)")
    s.add_argument("--worst", type=int, default=20, metavar="N", help="mistakes of either kind (default 20)")
    s.add_argument("--no-pictures", action="store_true", help="name the worst mistakes, show no photos")

    c = p.add_argument_group("scores of other tools")
    c.add_argument("--score-column", default="score", metavar="NAME", help="(default score)")
    c.add_argument("--label-column", metavar="NAME", help="(default: label, same, match or is_same)")
    c.add_argument("--columns", nargs=2, metavar=("L", "R"), help="the two columns that name the photos")
    c.add_argument("--distance", action="store_true", help="small scores mean the same person")
    c.add_argument("--identity", nargs="+", default=["auto"], metavar="HOW",
                   help="whose the photos are, for the intervals: folder (a person is a folder), image (each photo by "
                   "itself), or two columns with the persons (default: folder, if the labels agree)")  # fmt: skip

    b = p.add_argument_group("intervals")
    b.add_argument("--replicates", type=int, default=1000, metavar="N", help="of the bootstrap (default 1000)")
    b.add_argument("--seed", type=int, default=0, metavar="N", help="of the bootstrap (default 0)")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _report, argv)


def _report(a: argparse.Namespace) -> int:
    request = Request(**{name: value for name, value in vars(a).items() if name not in ("out", "debug")})
    table, record, options = load(request, lambda what: print(f"{what} ...", file=sys.stderr))
    report = write_report(table, record, a.out, options)
    print("\n".join(terminal(report)))
    print(f"wrote {a.out / 'report.html'}, report.json and pictures")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
