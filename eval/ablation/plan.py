"""What is to be run: each architecture with each batch size and seed, and how long each may take."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from facecore.train.flags import RECIPES, fill_defaults
from facecore.train.record import Row

ARCHITECTURES = ("resnet18", "resnet34", "alexnet")
ALEXNET_RATE = 0.01
"""Of AlexNet, which has no batch normalisation: what Krizhevsky et al. 2012 (NeurIPS 25, section 5) began with."""


@dataclass(frozen=True)
class Combination:
    """One run of the comparison.

    Attributes:
        arch: architecture.
        batch_size: images in a step.
        seed: of the run.
        lr: highest learning rate.
    """

    arch: str
    batch_size: int
    seed: int
    lr: float

    @property
    def folder(self) -> str:
        """Name of the run's folder."""
        return f"{self.arch}-{self.batch_size}" + (f"-seed{self.seed}" if self.seed else "")

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.arch}, batch {self.batch_size}, seed {self.seed}, rate {self.lr:g}"

    def flags(self) -> list[str]:
        """As `python -m facecore.train` takes it."""
        values = {"--arch": self.arch, "--batch-size": self.batch_size, "--seed": self.seed, "--lr": self.lr}
        return [word for flag, value in values.items() for word in (flag, str(value))]


@dataclass(frozen=True)
class Speed:
    """What was measured of a combination before its run.

    Attributes:
        step: seconds of a step.
        save: seconds of the checkpoint after each epoch.
        steps_per_epoch: steps in which each image comes about once.
    """

    step: float
    save: float
    steps_per_epoch: int


def combinations(
    archs: Sequence[str], batch_sizes: Sequence[int], seeds: Sequence[int], rates: dict[str, float], recipe: str
) -> list[Combination]:
    """Each architecture with each batch size and seed.

    Args:
        archs: architectures; doubles count once, as in the two that follow.
        batch_sizes: images in a step.
        seeds: of the runs.
        rates: learning rates by architecture, where they are not the default.
        recipe: whose rate is the default, but for AlexNet.
    """
    default = {"alexnet": ALEXNET_RATE}
    usual: float = RECIPES[recipe]["lr"]
    return [
        Combination(arch, batch, seed, rates.get(arch, default.get(arch, usual)))
        for arch in dict.fromkeys(archs)
        for batch in dict.fromkeys(batch_sizes)
        for seed in dict.fromkeys(seeds)
    ]


def parse_rates(words: Sequence[str]) -> dict[str, float]:
    """Learning rates from words like `alexnet=0.01`.

    Raises:
        ValueError: a word is not of that form.
    """
    rates = {}
    for word in words:
        arch, _, number = word.partition("=")
        try:
            rates[arch] = float(number)
        except ValueError:
            raise ValueError(f"--lr {word}: give ARCHITECTURE=RATE, for example alexnet=0.01") from None
        if arch not in ARCHITECTURES or not 0 < rates[arch] < float("inf"):
            raise ValueError(f"--lr {word}: give one of {', '.join(ARCHITECTURES)} and a rate above 0")
    return rates


def measured_speed(rows: Sequence[Row]) -> Speed:
    """The speed of a combination, from two rows of metrics over the same number of steps.

    The first has slow first steps in it, and the second the checkpoint that follows the first; the faster one says
    what a step takes, and what the second took longer is put down to the checkpoint.
    """
    batch = rows[0].samples // rows[0].step
    steps = rows[0].step
    first, second = (steps * batch / row.images_per_second for row in rows[:2])
    return Speed(min(first, second) / steps, max(0.0, second - first), round(rows[-1].step / rows[-1].epoch))


def steps_within(minutes: float, speed: Speed) -> int:
    """The steps that fit into so many minutes of training, at least one."""
    return max(1, round(60 * minutes / (speed.step + speed.save / speed.steps_per_epoch)))


def budget_flags(minutes: float, speed: Speed, batch_size: int, given: argparse.Namespace) -> list[str]:
    """Flags for a run of so many minutes, in which the learning rate falls as far as over the recipe's whole length.

    Args:
        minutes: of training.
        speed: of the combination.
        batch_size: of the combination.
        given: the flags of training that all combinations share, recipe's defaults not filled in.
    """
    steps = steps_within(minutes, speed)
    whole = fill_defaults(argparse.Namespace(**vars(given)))
    flags = ["--phases", f"{whole.size}:{steps * batch_size}", "--log-every", str(speed.steps_per_epoch)]
    if whole.schedule == "exponential" and given.decay is None:
        # By the recipe's factor an epoch, a run shorter than the recipe's would end at a high rate.
        epochs = steps / speed.steps_per_epoch
        flags += ["--decay", f"{whole.decay ** (whole.epochs / epochs):.4g}"]
    return flags
