"""How large a batch may be, for `--batch-size auto`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from facecore.errors import DataError
from facecore.train.free_memory import fits_in_memory, free_bytes

__all__ = ["fits_in_memory", "free_bytes", "is_out_of_memory", "largest_batch"]

UNIT = 8  # batches are multiples of this, which suits the tiles of matrix units
LARGEST = 4096
GPU_SHARE = 0.9  # of the batch that just fits: blocks of other sizes come and go, and other programs use the GPU too

# On a processor: share of the free memory for a step, and what a step takes for each byte kept for the backward pass
# and for each byte of parameters. Measured with the ResNet-18 at 64 and 112 px, float32 and bfloat16, and AlexNet: the
# process grew by 1.7 to 2.2 times what was allocated at once, since freed blocks of other sizes stay with it.
CPU_SHARE = 0.5
PER_KEPT_BYTE = 2.5
PER_PARAMETER_BYTE = 4.0  # gradient, AdamW's two means, and weights packed for the convolutions


def largest_batch(
    objective: nn.Module,
    optimizer: Optimizer,
    size: int,
    count: int,
    device: torch.device,
    autocast: torch.dtype | None,
) -> int:
    """The largest batch whose training step fits, found by steps whose effects are undone.

    A processor that runs out of memory ends the process without an exception: there, what two small batches keep for
    the backward pass is counted and the rest is worked out, so that a step takes at most half of the free memory. A
    GPU raises an exception: there, batches are tried, and a tenth of what just fits is left.

    Args:
        objective: on the device, in training mode: (faces, labels, rows, step) -> (mean loss, correct answers).
        optimizer: over its parameters.
        size: height and width of the input in pixels.
        count: images in the training data.
        device: of the objective.
        autocast: type of the convolutions, None for float32.

    Returns:
        A multiple of 8, at most `count` and 4096; `count` itself where that is less than 8.

    Raises:
        DataError: not even 8 samples fit.
    """
    limit = min(LARGEST, count // UNIT * UNIT)
    if limit < UNIT:
        return count

    def trial(samples: int) -> None:
        _step(objective, optimizer, samples, size, device, autocast)

    with _undone(objective, optimizer, device):
        if device.type == "cpu":
            found = _work_out(trial, objective, limit, free_bytes(device) * CPU_SHARE)
        else:
            found = _try_out(trial, limit, device)
    if found < UNIT:
        raise DataError(
            f"--batch-size auto: the free memory does not hold a step of {UNIT} images of {size} px: lower --size, or "
            "give a --batch-size and --accumulate"
        )
    return found


def _step(
    objective: nn.Module,
    optimizer: Optimizer,
    samples: int,
    size: int,
    device: torch.device,
    autocast: torch.dtype | None,
) -> None:
    """One step on noise, as `facecore.train.step` takes it."""
    faces = torch.randn(samples, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(samples, dtype=torch.int64, device=device)
    rows = torch.arange(samples, device=device)
    with torch.autocast(device.type, autocast) if autocast else nullcontext():
        loss, _ = objective(faces, labels, rows, 0)
    torch.autograd.backward(loss)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


@contextmanager
def _undone(objective: nn.Module, optimizer: Optimizer, device: torch.device) -> Iterator[None]:
    """Put back weights, buffers, gradients, the optimiser's state and PyTorch's random numbers after the block."""
    tensors: list[Tensor] = [*objective.parameters(), *objective.buffers()]
    values = [tensor.detach().to("cpu", copy=True) for tensor in tensors]
    gradients = [(parameter, parameter.grad) for parameter in objective.parameters()]
    state = deepcopy(optimizer.state_dict())
    random = torch.mps.get_rng_state() if device.type == "mps" else None
    optimizer.zero_grad(set_to_none=True)
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        if random is not None:
            torch.mps.set_rng_state(random)
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)
        for parameter, gradient in gradients:
            parameter.grad = gradient
        optimizer.load_state_dict(state)
        _release(device)


def _work_out(trial: Callable[[int], None], objective: nn.Module, limit: int, budget: float) -> int:
    """The largest batch that takes at most so many bytes, by what half a unit and a whole one keep; 0 for none."""
    half, whole = (_kept_bytes(trial, objective, samples) for samples in (UNIT // 2, UNIT))
    sample = (whole - half) / (UNIT // 2)
    always = PER_KEPT_BYTE * (whole - UNIT * sample)
    always += PER_PARAMETER_BYTE * sum(parameter.nbytes for parameter in objective.parameters())
    most = (budget - always) / (PER_KEPT_BYTE * max(1.0, sample))
    return max(0, min(limit, int(most) // UNIT * UNIT))


def _kept_bytes(trial: Callable[[int], None], objective: nn.Module, samples: int) -> int:
    """Bytes that a step keeps for its backward pass, the module's own parameters and buffers not counted."""
    own = {tensor.untyped_storage().data_ptr() for tensor in [*objective.parameters(), *objective.buffers()]}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        trial(samples)
    return sum(kept.values())


def _try_out(trial: Callable[[int], None], limit: int, device: torch.device) -> int:
    """The largest batch that can be taken, less a margin where there is a larger one that cannot; 0 for none."""
    fits, fails = 0, limit + UNIT
    samples = UNIT
    while samples < fails:
        if _succeeds(trial, samples, device):
            fits = samples
            samples = min(samples * 2, limit) if samples < limit else fails
        else:
            fails = samples
    while fails - fits > UNIT:
        samples = (fits + fails) // 2 // UNIT * UNIT
        if _succeeds(trial, samples, device):
            fits = samples
        else:
            fails = samples
    if fits == limit:
        return limit
    return max(min(fits, UNIT), int(fits * GPU_SHARE) // UNIT * UNIT)


def _succeeds(trial: Callable[[int], None], samples: int, device: torch.device) -> bool:
    try:
        trial(samples)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    finally:
        _release(device)
    return True


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that a GPU is full; not every backend and library has a class for it."""
    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in words or "alloc_failed" in words


def _release(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
