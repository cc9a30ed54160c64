"""Known protocols, from the photos as they were published to the numbers that papers print.

    python -m eval.protocols lfw --images lfw --pairs pairs.txt
    python -m eval.protocols lfw --images lfw --all-pairs
    python -m eval.protocols cfp cfp-dataset --protocol FP
    python -m eval.protocols bin agedb_30.bin
    python -m eval.protocols identities photos/ --pairs 3000
    python -m eval.protocols shards SHARDS --half test --pool people

Each writes into one folder (--out): scores.csv and scores.json as `python -m eval.score` does, figures.json, and a
report to look at, report.html. A photo without a face makes its pairs non-matches, and errors where accuracy is
counted; the figures without those pairs stand beside. `python -m eval.protocols NAME --help` says more of each.

Exit code: 0 done, even if some pairs failed; 2 wrong usage, or photos or a list that cannot be read; 3 the result could
not be written; 130 interrupted, and the same command goes on.
"""

import argparse
import sys
from pathlib import Path

from eval.flags import add_run_flags
from facecore.command_line import run_command

LFW = """Labeled Faces in the Wild: the ten folds of View 2.

The photos may lie as Name/Name_0001.jpg or all in one folder, as .jpg, .png or .webp, and DIR may be scikit-learn's
lfw_home, or a folder with it. --all-pairs compares all 13,233 photos with each other too, 87 million impostor pairs,
which is what it takes to state TAR at FAR 1e-6; people are told apart by folder.

The network is used by --download alone, which calls scikit-learn's fetch_lfw_pairs (about 200 MB)."""
CFP = """Celebrities in Frontal-Profile in the Wild: ten folds, frontal with frontal (FF) or with profile (FP).

DIR is the data set's folder, with Protocol and Data in it, or Protocol itself. Printed are accuracy, EER and AUC, mean
and standard deviation over the folds, as Sengupta et al. 2016 have them."""
BIN = """A set in one file, as face recognition papers pass them on: lfw.bin, cfp_fp.bin, agedb_30.bin, calfw.bin, ...

The file is a pickle, and nothing in it is run. Its photos are crops of 112 pixels, aligned already, though not quite as
our models want them: a face is looked for in each, and a crop in which none is found is taken as it is (--align none
takes all as they are)."""
IDENTITIES = """A folder with a folder of photos for each person: pairs are made from it, and scored.

A sample is balanced: as many genuine as impostor pairs, and people, and the photos of each, take turns, so that nobody
and no photo counts much more than another. The same names and seed give the same list, pairs.csv, which `python -m
eval.score` and `python -m eval.calibrate` read too. --all-impostors takes all pairs there are, and writes photos.csv in
place of a list."""

SHARDS = """The verification pairs beside shards of aligned faces, val_pairs.parquet: those of the half that had no part
in the calibration, which are what a model's card should be about.

Of DIR are read faces-*.parquet (id, image, split and, for intervals that know that people stand in many pairs, person)
and val_pairs.parquet (left, right, same, half, pool). The crops are taken as they are."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.protocols", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = p.add_subparsers(required=True, metavar="NAME", dest="command")
    lfw = _command(commands, "lfw", "Labeled Faces in the Wild", LFW)
    lfw.add_argument("--images", type=Path, metavar="DIR", help="the photos (default: scikit-learn's lfw_home)")
    lfw.add_argument("--pairs", type=Path, metavar="FILE", help="the list (default: pairs.txt with the photos)")
    lfw.add_argument("--all-pairs", action="store_true", help="compare all photos with each other as well")
    lfw.add_argument("--download", action="store_true", help="let scikit-learn fetch what is not there, into DIR")
    cfp = _command(commands, "cfp", "Celebrities in Frontal-Profile in the Wild", CFP)
    cfp.add_argument("folder", type=Path, metavar="DIR", help="the data set's folder")
    cfp.add_argument("--protocol", choices=["FF", "FP"], default="FP", help="(default FP, the harder one)")
    cfp.add_argument("--images", type=Path, metavar="DIR", help="where the photos are, if not in DIR")
    bins = _command(commands, "bin", "a set in one .bin file", BIN)
    bins.add_argument("file", type=Path, metavar="FILE", help="the set")
    people = _command(commands, "identities", "a folder of photos for each person", IDENTITIES)
    people.add_argument("folder", type=Path, metavar="DIR", help="the folder of folders")
    which = people.add_mutually_exclusive_group()
    which.add_argument("--pairs", type=int, default=3000, metavar="N", help="pairs of either kind (default 3000)")
    which.add_argument("--all-impostors", action="store_true", help="all pairs instead of a sample")
    people.add_argument("--impostors", type=int, metavar="N", help="so many impostor pairs instead (default: --pairs)")
    people.add_argument("--seed", type=int, default=0, metavar="S", help="another one gives another sample (default 0)")
    shards = _command(commands, "shards", "the pairs beside shards of aligned faces", SHARDS)
    shards.add_argument("folder", type=Path, metavar="DIR", help="the folder of shards")
    shards.add_argument("--half", choices=["test", "fit"], default="test", help="of the pairs (default test)")
    shards.add_argument("--pool", default="all", metavar="NAME",
                        help="of the impostor pairs, as the column pool has it (default all)")  # fmt: skip
    for command in (lfw, cfp, people):
        command.add_argument("--allow-outside", action="store_true",
                             help="accept photos that are links to places outside the folder")  # fmt: skip
    for command in (lfw, cfp, bins, people, shards):
        name = command.prog.split()[-1]
        command.add_argument("--out", type=Path, default=Path(f"{name}-results"), metavar="DIR",
                             help=f"folder for the results (default {name}-results)")  # fmt: skip
        command.add_argument("--no-report", action="store_true", help="write no report.html")
        add_run_flags(command)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _run, argv)


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, help_text: str, description: str
) -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(name, help=help_text, description=description, formatter_class=raw)


def _run(a: argparse.Namespace) -> int:
    # The flags alone need not wait for PyTorch.
    if a.command == "lfw":
        from eval.protocols.lfw import run_lfw as run
    elif a.command == "cfp":
        from eval.protocols.cfp import run_cfp as run
    elif a.command == "bin":
        from eval.protocols.bins import run_bin as run
    elif a.command == "shards":
        from eval.protocols.shards import run_shards as run
    else:
        from eval.protocols.identities import run_identities as run
    return run(a)


if __name__ == "__main__":
    sys.exit(main())
