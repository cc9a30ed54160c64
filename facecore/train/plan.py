"""What a run does when: sizes and learning rates as functions of the step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Schedule = Literal["cosine", "exponential", "constant"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)


@dataclass(frozen=True)
class Phase:
    """A number of samples at one input size."""

    size: int
    samples: int


@dataclass(frozen=True)
class Plan:
    """Phases of input size under one learning rate.

    The rate rises linearly over the warm-up (Goyal et al. 2017, arXiv 1706.02677, section 2.2). Then "cosine" falls to
    zero at the end (Loshchilov and Hutter 2017, arXiv 1608.03983, eq. 5, without restarts), "exponential" is multiplied
    by `decay` after each epoch, and "constant" stays.

    Attributes:
        phases: in order.
        batch_size: samples in a step, those of all ranks together.
        learning_rate: the highest.
        warmup_steps: steps of the linear rise.
        first_step: where this run begins: 0, or later when it goes on from weights of another run; the warm-up
            begins there too, since the optimiser is new.
        schedule: how the rate falls.
        decay: factor an epoch, for "exponential".
        steps_per_epoch: steps in which each sample comes about once.
    """

    phases: Sequence[Phase]
    batch_size: int
    learning_rate: float
    warmup_steps: int
    first_step: int = 0
    schedule: Schedule = "cosine"
    decay: float = 1.0
    steps_per_epoch: int = 1

    @property
    def steps(self) -> int:
        """Steps until the end, those before `first_step` included."""
        return sum(phase.samples for phase in self.phases) // self.batch_size

    def size_at(self, step: int) -> int:
        """Input size in pixels at a step."""
        seen = step * self.batch_size
        for phase in self.phases:
            if seen < phase.samples:
                return phase.size
            seen -= phase.samples
        return self.phases[-1].size

    def rate_at(self, step: int) -> float:
        """Learning rate at a step."""
        rise = min(1.0, (step - self.first_step + 1) / max(1, self.warmup_steps))
        fall = 1.0
        if self.schedule == "cosine":
            fall = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        elif self.schedule == "exponential":
            fall = self.decay ** (step // self.steps_per_epoch)
        return self.learning_rate * rise * fall

    def epoch_at(self, step: int) -> float:
        """Epochs done before a step."""
        return step / self.steps_per_epoch


def parse_phases(words: Sequence[str]) -> list[Phase]:
    """Phases from words like `64:700000`.

    Raises:
        ValueError: a word is not of that form, or its numbers make no sense.
    """
    phases = []
    for word in words:
        try:
            size, samples = (int(number) for number in word.split(":"))
        except ValueError:
            raise ValueError(f"phase {word!r} is not of the form SIZE:SAMPLES, for example 64:700000") from None
        if size < 64 or samples < 0:
            raise ValueError(f"phase {word!r}: the size must be 64 or more and the samples 0 or more")
        phases.append(Phase(size, samples))
    return phases
