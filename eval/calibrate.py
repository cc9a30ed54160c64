"""Find out what a model's scores mean: fit calibration.json on pairs of photos whose answer is known.

    python -m eval.calibrate my-model pairs.txt --images photos
    python -m eval.calibrate my-model pairs.txt --images photos --holdout 0.5
    python -m eval.calibrate my-model dev.csv --evidence test.csv --images photos
    python -m eval.calibrate net.onnx pairs.txt --out calibration.json
    python -m eval.calibrate my-model --shards data/train

The list is scored with the model, and a probability, thresholds at FAR 1e-2, 1e-3 and 1e-4, and a table of how rare a
score is among strangers are fitted to the scores. At least 10 genuine and 10,000 impostor pairs must have a score: the
threshold at FAR 1e-3 rests on ten false accepts or more. At 1e-4 it takes 100,000 impostor pairs, and without them that
one threshold is left out. `python -m eval.protocols identities DIR --pairs 1000 --impostors 100000` makes such a list
of a folder of people. The file is written into the model directory (beside an ONNX file), unless one is there already.

How good the calibration is can be said by other people's pairs alone: --evidence names a second list, and --holdout
sets aside a share of the people of this one, together with all their pairs; pairs of one person from either part are
not used. The figures are printed and kept in the file.

Exit code: 0 done; 2 wrong usage, too few pairs, or a list or model that cannot be read; 3 the result could not be
written; 130 interrupted, and the same command goes on.
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
        "python -m eval.calibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        conflict_handler="resolve",
    )
    p.add_argument("calibrated", metavar="MODEL", help="a model directory, an ONNX file or hf:org/repo")
    p.add_argument("pairs", nargs="?", type=Path, metavar="PAIRS", help="a list of pairs with labels")
    p.add_argument("--images", type=Path, metavar="DIR", help="where the photos are (default: beside the list)")
    p.add_argument("--list-kind", choices=KINDS, help="what kind of list it is (default: detected)")
    p.add_argument("--columns", nargs=2, metavar=("L", "R"), help="the two columns of a CSV that name the photos")
    p.add_argument("--allow-outside", action="store_true", help="accept photos that lie outside --images")
    p.add_argument("--shards", type=Path, metavar="DIR",
                   help="instead of PAIRS: shards with val_pairs.parquet, whose half test is the evidence")  # fmt: skip
    proof = p.add_mutually_exclusive_group()
    proof.add_argument("--evidence", type=Path, metavar="FILE", help="a list of other people's pairs, to judge it by")
    proof.add_argument("--holdout", type=float, metavar="SHARE", help="judge it by this share of the people, as 0.5")
    p.add_argument("--evidence-images", type=Path, metavar="DIR",
                   help="where the photos of --evidence are (default: --images, or beside that list)")  # fmt: skip
    p.add_argument("--seed", type=int, default=0, metavar="S", help="another one sets others aside (default 0)")
    p.add_argument("--out", type=Path, metavar="FILE", help="write here and leave the model as it is")
    p.add_argument("--force", action="store_true", help="replace a calibration that is there")
    add_run_flags(p, decisions=False)
    p.add_argument("--model", dest="model_flag", help=argparse.SUPPRESS)  # MODEL takes its place
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _calibrate, argv)


def _calibrate(a: argparse.Namespace) -> int:
    # Worker processes import this module again, and need not load PyTorch with it.
    from eval.calibrate_model import calibrate_model

    if a.model_flag is not None:
        raise ValueError(f"--model {a.model_flag}: the model is the first argument here, without a flag")
    a.model = a.calibrated
    return calibrate_model(a)


if __name__ == "__main__":
    sys.exit(main())
