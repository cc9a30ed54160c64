"""What a run needs to go on after it was stopped, in one file that is replaced atomically.

Random numbers need no state: each step draws its own from the run's seed and the step's number.
"""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, nn
from torch.optim import Optimizer

from facecore.errors import DataError
from facecore.files import atomic_path

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        step: steps done, counted from the start of the plan.
        seconds: spent in training so far.
    """

    step: int
    seconds: float


def save_state(
    run: Path, network: nn.Module, optimizer: Optimizer, progress: Progress, arguments: dict[str, Any]
) -> None:
    """Write the checkpoint of a run."""
    content = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": progress.step,
        "seconds": progress.seconds,
        "arguments": arguments,
    }
    with atomic_path(run / CHECKPOINT) as path:
        torch.save(content, path)


def load_state(run: Path, network: nn.Module, optimizer: Optimizer, arguments: dict[str, Any]) -> Progress:
    """Bring network and optimiser to where the run's checkpoint left them.

    Raises:
        DataError: no checkpoint, a damaged one, or one of a run with other arguments.
    """
    path = run / CHECKPOINT
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no checkpoint to go on from: start the run without --resume") from None
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(f"{path}: the checkpoint cannot be read: {error}") from error
    before = content["arguments"]
    if changed := sorted(key for key in arguments.keys() | before.keys() if arguments.get(key) != before.get(key)):
        words = ", ".join(f"{key} was {before.get(key)!r} and is now {arguments.get(key)!r}" for key in changed)
        raise DataError(f"{path}: the run was started with other arguments: {words}. Use another --out for a new run")
    network.load_state_dict(content["network"])
    optimizer.load_state_dict(content["optimizer"])
    return Progress(content["step"], content["seconds"])


def step_generator(seed: int, step: int) -> Generator:
    """Random numbers of one step: the same whenever, and after however many stops, the step is run."""
    return Generator().manual_seed((seed << 32) + step)
