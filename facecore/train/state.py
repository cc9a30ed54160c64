"""What a run needs to go on after it was stopped, in one file that is replaced atomically.

Random numbers need no state of their own: each step draws them from the run's seed and the step's number, so that the
step says where the sampler, the augmentation and dropout stand.
"""

import io
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, nn
from torch.amp import GradScaler
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
        best: the best validation figure so far, None before the first.
        sums: of loss, correct answers, labelled samples, gradient norm and steps since the last row of metrics.
        window_seconds: spent since that row.
        splits: pieces that each part of a batch is cut into, since more did not fit into memory.
        skipped: images that could not be read so far, as (name, reason).
        images: in the training data; 0 where nobody knows.
        batch_size: images in a step; 0 where nobody knows.
    """

    step: int
    seconds: float
    best: float | None = None
    sums: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    window_seconds: float = 0.0
    splits: int = 1
    skipped: tuple[tuple[str, str], ...] = field(default=())
    images: int = 0
    batch_size: int = 0


def save_state(
    run: Path,
    objective: nn.Module,
    optimizer: Optimizer,
    scaler: GradScaler,
    progress: Progress,
    arguments: dict[str, Any],
) -> None:
    """Write the checkpoint of a run.

    Raises:
        OSError: it cannot be written; the one from before stays.
    """
    content = {
        "objective": objective.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scaler": scaler.state_dict(),
        "progress": asdict(progress),
        "arguments": arguments,
    }
    # Written by Python: PyTorch's own writer makes a RuntimeError of a disk that is full.
    memory = io.BytesIO()
    torch.save(content, memory)
    with atomic_path(run / CHECKPOINT) as path:
        path.write_bytes(memory.getbuffer())


def load_state(
    run: Path, objective: nn.Module, optimizer: Optimizer, scaler: GradScaler, arguments: dict[str, Any]
) -> Progress:
    """Bring objective, optimiser and scaler to where the run's checkpoint left them.

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
    if "objective" not in content:
        raise DataError(f"{path}: the checkpoint was written by an older version: go on with --init from its model")
    _require_same(content["arguments"], arguments, path)
    try:
        objective.load_state_dict(content["objective"])
        optimizer.load_state_dict(content["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise DataError(
            f"{path}: its weights are of another shape ({str(error).splitlines()[-1].strip()}): has the data changed "
            "since? Use another --out for a new run"
        ) from error
    scaler.load_state_dict(content["scaler"])
    progress = content["progress"]
    skipped = tuple((name, reason) for name, reason in progress.pop("skipped"))
    return Progress(**progress, skipped=skipped)


def _require_same(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    changed = sorted(key for key in now.keys() | before.keys() if now.get(key) != before.get(key))
    if not changed:
        return
    words = ", ".join(f"{key} was {before.get(key)!r} and is now {now.get(key)!r}" for key in changed)
    hint = ""
    if "parts" in changed:
        hint = f" (ranks times --accumulate must stay {before.get('parts')})"
    raise DataError(f"{path}: the run was started with other arguments: {words}{hint}. Use another --out for a new run")


def step_seed(seed: int, step: int, part: int = 0, salt: int = 0) -> int:
    """A seed of 63 bits for one part of one step; `salt` tells apart what must not share random numbers."""
    words = np.random.SeedSequence((seed, step, part, salt)).generate_state(1, np.uint64)
    return int(words[0]) >> 1


def step_generator(seed: int, step: int, part: int = 0, salt: int = 0) -> Generator:
    """Random numbers of one part of one step: the same whenever, and after however many stops, the step is run."""
    return Generator().manual_seed(step_seed(seed, step, part, salt))
