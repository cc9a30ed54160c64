"""How fast this machine is, and where the time of a run goes.

    python -m eval.speed pair                    compare two photos of one megapixel, warm
    python -m eval.speed pair a.jpg b.jpg        compare two photos of your own
    python -m eval.speed step                    images/s of a training step, the measure of the machine itself
    python -m eval.speed stages FOLDER           images/s of each stage on one core, and of all together
    python -m eval.speed compare FOLDER          the same photos through dlib and through this package, on one core
    python -m eval.speed growth --plot g.png     how the cost of scoring grows with pairs and with images

Timings are medians of several runs; run them on an otherwise idle machine. `stages` and `compare` count the seconds in
which a core works for this process, so that other programs disturb them less.
"""

import argparse
import sys
from pathlib import Path

from eval import embed
from eval.speed.against_dlib import compare
from eval.speed.growth import growth
from eval.speed.machine import pair, step
from eval.speed.stages import stages
from facecore.command_line import DONE, run_command
from facecore.flags import add_model_flags, spec_from

REPEATS = {"pair": 15, "step": 15, "stages": 3, "compare": 3, "growth": 1}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("what", choices=list(REPEATS), help="what to time")
    p.add_argument("photos", nargs="*", type=Path,
                   help="pair: two photos (default: one made from scikit-image's astronaut); stages, compare: photos, "
                   "or folders of them")  # fmt: skip
    p.add_argument("--repeat", type=int, metavar="N",
                   help="runs to take the median of (default: 15 for pair and step, 3 for stages and compare, 1 for "
                   "growth)")  # fmt: skip
    p.add_argument("--limit", type=int, default=200, metavar="N",
                   help="stages, compare: photos to take, evenly from all that there are (default 200)")  # fmt: skip
    p.add_argument("--face", choices=["largest", "centre"], default="largest",
                   help="stages: which face of several (default largest)")  # fmt: skip
    p.add_argument("--pairs", type=int, default=1_000_000, metavar="N",
                   help="growth: go up to so many pairs; images up to a hundredth (default 1000000)")  # fmt: skip
    p.add_argument("--plot", type=Path, metavar="FILE", help="growth: draw a picture, as growth.png")
    p.add_argument("--precision", choices=["auto", "fp32", "bf16", "fp16"], default="fp32",
                   help="of the network in pair, stages and compare (default fp32)")  # fmt: skip
    add_model_flags(p)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _run, argv)


def _run(a: argparse.Namespace) -> int:
    repeat = REPEATS[a.what] if a.repeat is None else a.repeat
    for name, value, least in (("repeat", repeat, 1), ("limit", a.limit, 1), ("pairs", a.pairs, 1000)):
        if value < least:
            raise ValueError(f"--{name} must be {least} or more, not {value}")
    if a.what == "step":
        step(a.device, repeat)
    elif a.what == "pair":
        pair(spec_from(a).make(), a.photos, repeat)
    elif a.what == "growth":
        growth(a.pairs, repeat, a.plot)
    elif a.what == "stages":
        stages(spec_from(a), find_photos(a.photos, a.limit), a.face, repeat)
    else:
        compare(spec_from(a), find_photos(a.photos, a.limit), repeat)
    return DONE


def find_photos(given: list[Path], limit: int) -> list[Path]:
    """Photos and those in folders, at most `limit`, spread evenly over all of them in the order of their names.

    Raises:
        ValueError: there is none.
    """
    if not given:
        raise ValueError("no photos in nothing: give photos, or a folder of them")
    found = embed.find_photos(given)
    count = min(limit, len(found))
    return [found[i * len(found) // count] for i in range(count)]


if __name__ == "__main__":
    sys.exit(main())
