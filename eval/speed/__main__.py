"""How fast this machine is, and where the time of a run goes.

    python -m eval.speed pair                    compare two photos of one megapixel, warm
    python -m eval.speed pair a.jpg b.jpg        compare two photos of your own
    python -m eval.speed step                    images/s of a training step, the measure of the machine itself
    python -m eval.speed stages FOLDER           images/s of each stage on one core, and of all together
    python -m eval.speed compare FOLDER          the same photos through dlib and through this package, on one core
    python -m eval.speed growth --plot g.png     how the cost of scoring grows with pairs and with images
    python -m eval.speed train DATA              images/s of training, beside torchvision's reference loop
    python -m eval.speed scale                   listing, loading and training on 380,000 generated images

Timings are medians of several runs; run them on an otherwise idle machine. `stages` and `compare` count the seconds in
which a core works for this process, so that other programs disturb them less.

`train` compares facecore.train's own loop, with the settings of its recipe "reference", with a loop written after
torchvision's references/classification/train.py (ImageFolder, one picture at a time through torchvision's transforms,
channels first, loss and top-1 and top-5 accuracy brought to Python after each step). Both train torchvision's ResNet-18
on the same folder, at the same size and batch size, with as many workers, threads and classes, the same way of cutting
pictures out, and plain SGD; both have autocast where --precision asks for it, and none otherwise. They take turns. A
third line is ours with the pictures in memory, as facecore.train keeps them by itself where they fit; --compile adds a
fourth, in memory and with the network compiled, which takes a minute at the start. The last columns are the operations
of the step, forward and backward, beside those of the fastest of some large matrix products in that precision.

`scale` says how much disk it needs before it takes it, and deletes what it made unless --keep is given.
"""

import argparse
import sys
from pathlib import Path

from eval import embed
from eval.speed.against_dlib import compare
from eval.speed.growth import growth
from eval.speed.machine import pair, step
from eval.speed.scale import Tree, scale
from eval.speed.stages import stages
from eval.speed.training import Setup, training
from facecore.command_line import DONE, run_command
from facecore.device import pick_device
from facecore.flags import add_model_flags, spec_from

REPEATS = {"pair": 15, "step": 15, "stages": 3, "compare": 3, "growth": 1, "train": 5, "scale": 3}
SIZES = {"train": 112, "scale": 64}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("what", choices=list(REPEATS), help="what to time")
    p.add_argument("photos", nargs="*", type=Path,
                   help="pair: two photos (default: one made from scikit-image's astronaut); stages, compare: photos, "
                   "or folders of them; train: the folder of training data")  # fmt: skip
    p.add_argument("--repeat", type=int, metavar="N",
                   help="runs to take the median of (default: 15 for pair and step, 3 for stages and compare, 1 for "
                   "growth, 5 for train, 3 for scale)")  # fmt: skip
    p.add_argument("--limit", type=int, default=200, metavar="N",
                   help="stages, compare: photos to take, evenly from all that there are (default 200)")  # fmt: skip
    p.add_argument("--face", choices=["largest", "centre"], default="largest",
                   help="stages: which face of several (default largest)")  # fmt: skip
    p.add_argument("--pairs", type=int, default=1_000_000, metavar="N",
                   help="growth: go up to so many pairs; images up to a hundredth (default 1000000)")  # fmt: skip
    p.add_argument("--plot", type=Path, metavar="FILE", help="growth: draw a picture, as growth.png")
    p.add_argument("--precision", choices=["auto", "fp32", "bf16", "fp16"],
                   help="of the network (default: fp32 in pair, stages and compare; auto in train and scale, which is "
                   "bf16 where the processor has units for it); train measures fp32 beside it")  # fmt: skip
    _add_training_flags(p.add_argument_group("train and scale"))
    add_model_flags(p)
    return p


def _add_training_flags(g: "argparse._ArgumentGroup") -> None:
    g.add_argument("--size", type=int, metavar="PX",
                   help="height and width of the input (default: 112 for train, 64 for scale)")  # fmt: skip
    g.add_argument("--batch-size", type=int, default=64, metavar="N", help="images in a step (default 64)")
    g.add_argument("--workers", type=int, default=2, metavar="N", help="processes that read images (default 2)")
    g.add_argument("--steps", type=int, default=8, metavar="N", help="steps in each run that is timed (default 8)")
    g.add_argument("--compile", action="store_true", help="train: measure ours compiled, too; needs a C++ compiler")
    g.add_argument("--classes", type=int, default=4000, metavar="N", help="scale: people (default 4000)")
    g.add_argument("--images", type=int, default=380_000, metavar="N", help="scale: images (default 380000)")
    g.add_argument("--epoch-images", type=int, metavar="N",
                   help="scale: images to load while memory is watched (default: all)")  # fmt: skip
    g.add_argument("--keep", type=Path, metavar="DIR",
                   help="scale: where to put the images, and to leave them for the next time (default: a temporary "
                   "folder)")  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _run, argv)


def _run(a: argparse.Namespace) -> int:
    repeat = REPEATS[a.what] if a.repeat is None else a.repeat
    for name, value, least in (("repeat", repeat, 1), ("limit", a.limit, 1), ("pairs", a.pairs, 1000),
                               ("batch-size", a.batch_size, 2), ("workers", a.workers, 0), ("steps", a.steps, 1),
                               ("classes", a.classes, 2), ("epoch-images", a.epoch_images or 1, 1)):  # fmt: skip
        if value < least:
            raise ValueError(f"--{name} must be {least} or more, not {value}")
    a.precision = a.precision or ("auto" if a.what in SIZES else "fp32")
    a.size = a.size or SIZES.get(a.what)
    if a.what == "step":
        step(a.device, repeat)
    elif a.what == "pair":
        pair(spec_from(a).make(), a.photos, repeat)
    elif a.what == "growth":
        growth(a.pairs, repeat, a.plot)
    elif a.what == "train":
        if len(a.photos) != 1:
            raise ValueError(f"train needs one folder of training data, not {len(a.photos)}")
        setup = Setup(pick_device(a.device), a.size, a.batch_size, a.workers, a.steps, a.compile)
        training(a.photos[0], setup, a.precision, repeat)
    elif a.what == "scale":
        tree = Tree(a.classes, a.images, a.size)
        scale(tree, a.batch_size, a.workers, a.precision, a.epoch_images, a.steps, repeat, a.keep)
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
