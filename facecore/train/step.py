"""One step of training: forward, backward and update, in as many pieces as memory asks for."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from facecore.errors import DataError
from facecore.train.batches import Part
from facecore.train.memory import is_out_of_memory
from facecore.train.state import step_seed

DROPOUT_SALT = 7  # keeps dropout's random numbers apart from those of augmentation and banks


@dataclass(frozen=True)
class Outcome:
    """What a step gave, still on the device.

    Attributes:
        sums: (4,) float32: mean loss of the batch, correct answers, labelled samples, length of the gradient.
    """

    sums: Tensor


class Stepper:
    """Takes the steps of a run.

    Args:
        objective: gives the loss of a part: (faces, labels, rows, step) -> (mean loss, number of correct answers).
            Wrapped in DistributedDataParallel where there are several ranks.
        optimizer: over its parameters.
        scaler: of the loss, for float16; disabled otherwise.
        autocast: type of the convolutions, None for float32.
        max_gradient_norm: longer gradients are shortened to this (Pascanu et al. 2013, arXiv 1211.5063); None leaves
            them.
        seed: of dropout.
        splits: pieces that each part is cut into.
    """

    def __init__(
        self,
        objective: nn.Module,
        optimizer: Optimizer,
        scaler: GradScaler,
        autocast: torch.dtype | None,
        max_gradient_norm: float | None,
        seed: int,
        splits: int = 1,
    ) -> None:
        self.objective = objective
        self.optimizer = optimizer
        self.scaler = scaler
        self.autocast = autocast
        self.max_gradient_norm = max_gradient_norm
        self.seed = seed
        self.splits = splits

    def __call__(self, parts: Sequence[Part], step: int, learning_rate: float) -> Outcome:
        """Take a step.

        A GPU that runs out of memory costs a repetition: each part is cut in half, the gradients are summed, and the
        effective batch stays what it was. (BatchNorm then sees smaller batches.)

        Args:
            parts: the batch, or this rank's share of it.
            step: its number.
            learning_rate: of this step.

        Raises:
            DataError: a single sample does not fit, or memory ran out with several ranks, which would then no longer
                be in step.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        while True:
            try:
                sums = self._gradients(parts, step)
                break
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(parts, step, error)
            # Only here, where the error is gone, is nothing left that holds the tensors of the pass that failed.
            self.optimizer.zero_grad(set_to_none=True)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        sums[3] = self._update()
        return Outcome(sums)

    def _halve(self, parts: Sequence[Part], step: int, error: Exception) -> None:
        size = len(parts[0])
        if isinstance(self.objective, DistributedDataParallel):
            raise DataError(
                f"step {step + 1}: the device ran out of memory with {size} samples in a pass: raise --accumulate or "
                "lower --batch-size"
            ) from error
        if self.splits >= size:
            raise DataError(f"step {step + 1}: the device has not enough memory for a single sample") from error
        before = -(-size // self.splits)
        self.splits = min(size, self.splits * 2)
        print(
            f"step {step + 1}: out of memory: from here on at most {-(-size // self.splits)} samples in a pass instead "
            f"of {before}, the batch stays what it was",
            file=sys.stderr,
        )

    def _gradients(self, parts: Sequence[Part], step: int) -> Tensor:
        pieces = [
            (part.number, number, piece) for part in parts for number, piece in enumerate(part.pieces(self.splits))
        ]
        samples = sum(len(piece) for _, _, piece in pieces)
        self.optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(4, device=parts[0].faces.device)
        for place, (part, number, piece) in enumerate(pieces):
            # Dropout draws from PyTorch's own generator, which must not remember what was before this step, nor which
            # rank takes the part.
            torch.manual_seed(step_seed(self.seed, step, part, DROPOUT_SALT + number))
            with self._synchronised(last=place == len(pieces) - 1):
                with _autocast(piece.faces.device, self.autocast):
                    loss, correct = self.objective(piece.faces, piece.labels, piece.rows, step)
                share = loss * (len(piece) / samples)
                torch.autograd.backward(self.scaler.scale(share))
            labelled = (piece.labels >= 0).sum()
            sums[:3] += torch.stack([share.detach().float(), correct.detach().float(), labelled.float()])
        return sums

    def _synchronised(self, last: bool) -> AbstractContextManager[None]:
        if isinstance(self.objective, DistributedDataParallel) and not last:
            return _unsynchronised(self.objective)
        return nullcontext()

    def _update(self) -> Tensor:
        self.scaler.unscale_(self.optimizer)
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
        if self.max_gradient_norm is not None:
            nn.utils.clip_grads_with_norm_(parameters, self.max_gradient_norm, norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.is_enabled():  # has left out a step whose gradients were too large for float16, as it should
            norm = norm.nan_to_num(nan=0.0, posinf=0.0)
        return norm.detach()


@contextmanager
def _unsynchronised(objective: DistributedDataParallel) -> Iterator[None]:
    with objective.no_sync():
        yield


def _autocast(device: torch.device, kind: torch.dtype | None) -> AbstractContextManager[object]:
    return torch.autocast(device.type, kind) if kind else nullcontext()
