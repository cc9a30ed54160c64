"""Train architectures with batch sizes side by side, each under the same budget, and write a table and a picture.

    python -m eval.ablation DATA --archs resnet18 resnet34 alexnet --batch-sizes 32 64 124 --epochs 5
    python -m eval.ablation DATA --archs resnet18 alexnet --batch-sizes 64 --minutes 4 --size 64 --out OUT
    python -m eval.ablation DATA --epochs 5 -- --augment face --workers 2

DATA is a folder as `python -m facecore.train` takes it; flags after -- are given to it. Each run is a process of its
own, one after another, in a folder of OUT called by architecture and batch size; a run that diverges or fails is a row
of the table that says so. OUT gets ablation.csv, ablation.md (also printed) and ablation.png.

--epochs gives each run as many passes over the images, --minutes as much time of training: the speed of each
combination is measured by some steps first, and the run gets as many samples as fit; its learning rate falls within
that as far as it falls over the recipe's whole length. The time that a run really took is in the table. Run it on an
otherwise idle machine.

The same command again goes on where it was stopped: runs that are finished are not run again.

Exit code: 0 done; 2 wrong usage, or every run failed; 3 a result could not be written; 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from eval.ablation.outcomes import Course, read_course
from eval.ablation.plan import ALEXNET_RATE, ARCHITECTURES, combinations, parse_rates
from eval.ablation.runs import LOG, Comparison, check_folder, run_combination
from eval.ablation.table import to_csv, to_markdown
from facecore.command_line import BAD_INPUT, DONE, run_command
from facecore.data.layout import find_layout
from facecore.files import atomic_path, write_text
from facecore.train.__main__ import parser as train_parser
from facecore.train.flags import RECIPES

OWN = {"arch": "--archs", "batch_size": "--batch-sizes", "lr": "--lr", "size": "--size", "epochs": "--epochs",
       "phases": "--epochs or --minutes"}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.ablation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("data", type=Path, metavar="DATA", help="folder of training data")
    p.add_argument("--out", type=Path, default=Path("runs/ablation"), metavar="OUT",
                   help="folder for the runs and the table (default runs/ablation)")  # fmt: skip
    p.add_argument("--archs", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES), metavar="ARCH",
                   help=f"of {', '.join(ARCHITECTURES)} (default: all)")  # fmt: skip
    p.add_argument("--batch-sizes", nargs="+", type=int, default=[32, 64, 124], metavar="N",
                   help="images in a step (default 32 64 124)")  # fmt: skip
    length = p.add_mutually_exclusive_group(required=True)
    length.add_argument("--epochs", type=int, metavar="N", help="of each run")
    length.add_argument("--minutes", type=float, metavar="M", help="of training of each run, validation left out")
    p.add_argument(
        "--recipe", choices=["reference", "best"], default="reference", help="of training (default reference)"
    )
    p.add_argument("--size", type=int, metavar="PX",
                   help="height and width of the input (default: 224 for reference, 112 for best)")  # fmt: skip
    p.add_argument("--lr", nargs="+", default=[], metavar="ARCH=RATE",
                   help="highest learning rate by architecture, the same for each batch size (default: the recipe's, "
                   f"0.15 for reference, 0.1 for best; {ALEXNET_RATE:g} for alexnet)")  # fmt: skip
    p.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="S", help="each combination once for each "
                   "(default 0)")  # fmt: skip
    p.add_argument("--speed-steps", type=int, default=20, metavar="N",
                   help="with --minutes: the speed is measured twice over so many steps (default 20)")  # fmt: skip
    p.add_argument("--force", action="store_true", help="run again what is finished; deletes the folders of the runs")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    cut = words.index("--") if "--" in words else len(words)
    return run_command(parser(), partial(_compare, flags=words[cut + 1 :]), words[:cut])


def _compare(a: argparse.Namespace, flags: list[str]) -> int:
    _check(a)
    find_layout(a.data)
    size = a.size or RECIPES[a.recipe]["size"]
    given = read_flags(a.data, a.recipe, size, flags)
    comparison = Comparison(a.data, a.out, a.recipe, size, a.epochs, a.minutes, a.speed_steps, tuple(flags), given)
    todo = combinations(a.archs, a.batch_sizes, a.seeds, parse_rates(a.lr), a.recipe)
    for combination in todo:
        check_folder(comparison, combination, a.force)
    budget = f"{a.recipe}, {size} px, " + (f"{a.epochs} epochs" if a.epochs else f"{a.minutes:g} minutes of training")
    courses: list[Course] = []
    for number, combination in enumerate(todo, 1):
        run = a.out / combination.folder
        print(f"[{number}/{len(todo)}] {combination.words}: {run / LOG}", file=sys.stderr, flush=True)
        state = run_combination(comparison, combination)
        courses.append(read_course(run, combination, state))
        print(f"[{number}/{len(todo)}] {_told(courses[-1])}", file=sys.stderr, flush=True)
        _write(a.out, courses, budget)
    from eval.ablation.plot import draw  # what this process holds in memory counts as memory of the runs it starts

    with atomic_path(a.out / "ablation.png") as path:
        path.write_bytes(draw(courses))
    print(to_markdown([course.outcome for course in courses], budget), end="")
    return BAD_INPUT if all(course.outcome.status == "failed" for course in courses) else DONE


def read_flags(data: Path, recipe: str, size: int, flags: Sequence[str]) -> argparse.Namespace:
    """The flags that all runs share, as training reads them, without the defaults of the recipe.

    Raises:
        ValueError: training does not know one, or one is set by the comparison itself.
    """
    # An unlikely value tells whether a flag was given whose default is not None.
    unlikely = ["--seed", "-1", "--out", "\0"]
    try:
        given = train_parser().parse_args([str(data), "--recipe", recipe, *unlikely, *flags])
    except SystemExit:
        raise ValueError(f"training cannot read what stands after --: {' '.join(flags)}") from None
    for name, own in OWN.items():
        if getattr(given, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} after --: give {own} before it")
    if (given.seed, str(given.out), given.recipe, given.data, given.resume) != (-1, "\0", recipe, data, False):
        raise ValueError("after --: --seed, --out, --recipe, DATA and --resume are set by this program: leave them out")
    given.size = size
    return given


def _check(a: argparse.Namespace) -> None:
    for name, values, least in (("batch-sizes", a.batch_sizes, 1), ("seeds", a.seeds, 0), ("size", [a.size], 64),
                                ("epochs", [a.epochs], 1), ("speed-steps", [a.speed_steps], 1)):  # fmt: skip
        for value in values:
            if value is not None and value < least:
                raise ValueError(f"--{name} {value}: give {least} or more")
    if a.minutes is not None and not 0 < a.minutes < float("inf"):
        raise ValueError(f"--minutes {a.minutes}: give more than 0")


def _told(course: Course) -> str:
    """A run in a line."""
    outcome = course.outcome
    if outcome.status != "done":
        return f"{outcome.status}: {outcome.reason}"
    figures = (("accuracy", outcome.val_accuracy), ("AUC", outcome.verification_auc))
    words = [f"{name} {value:.3f}" for name, value in figures if value is not None]
    return ", ".join([*words, f"{outcome.minutes:.2f} min of training, {outcome.images_per_second:.0f} images/s"])


def _write(out: Path, courses: Sequence[Course], budget: str) -> None:
    outcomes = [course.outcome for course in courses]
    write_text(out / "ablation.csv", to_csv(outcomes))
    write_text(out / "ablation.md", to_markdown(outcomes, budget))


if __name__ == "__main__":
    sys.exit(main())
