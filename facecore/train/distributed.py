"""One process a GPU, or a machine: who this process is among them, and what they tell each other.

`torchrun` starts the processes and says by environment variables who each is; without it there is one.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from inspect import signature
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from facecore.errors import DataError

T = TypeVar("T")
FLAGS = ("forward_sync_buffers", "broadcast_buffers")

PATIENCE = timedelta(hours=1)  # the others wait while the main one measures pairs and writes models


@dataclass(frozen=True)
class Ranks:
    """This process among all of the run.

    Attributes:
        rank: number of this process, from 0.
        world: processes in all.
        local: number of this process on its machine, which is also the number of its GPU.
    """

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def main(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """The sum of a tensor over all processes."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def any(self, flags: Sequence[bool], device: torch.device) -> list[bool]:
        """Which of some flags are set in any process. All must ask at the same step."""
        if self.world == 1:
            return list(flags)
        counts: list[float] = self.total(torch.tensor([float(flag) for flag in flags], device=device)).tolist()
        return [count > 0 for count in counts]

    def gather(self, value: T) -> list[T]:
        """What each process gives, in the order of their numbers; anything that can be pickled."""
        values = [value] * self.world
        if self.world > 1:
            dist.all_gather_object(values, value)
        return values

    def distribute(self, module: nn.Module) -> nn.Module:
        """The module such that backward passes average gradients over all processes; buffers stay each one's own."""
        if self.world == 1:
            return module
        # Which of the two names PyTorch takes depends on its version; the older one draws a warning in the newer.
        known = signature(DistributedDataParallel).parameters
        flag: dict[str, Any] = {next(name for name in FLAGS if name in known): False}
        return DistributedDataParallel(module, **flag)

    def average_buffers(self, module: nn.Module) -> None:
        """Give every process the mean of all saved floating-point buffers: each saw its own part of a batch."""
        if self.world == 1:
            return
        saved = module.state_dict()
        for name, buffer in module.named_buffers():
            if name in saved and buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer /= self.world

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """The processes that torchrun started, joined for the length of the block.

    Args:
        device: the flag of that name; GPUs talk by NCCL, processors by Gloo.

    Raises:
        DataError: the environment is not what torchrun makes.
    """
    if "RANK" not in os.environ and "WORLD_SIZE" not in os.environ:
        yield Ranks()
        return
    try:
        ranks = Ranks(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
    except (KeyError, ValueError) as error:
        raise DataError(
            f"the environment names some of RANK, WORLD_SIZE and LOCAL_RANK wrongly or not at all ({error}): start "
            "several processes with torchrun"
        ) from error
    gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if gpu:
        if ranks.local >= torch.cuda.device_count():
            raise DataError(
                f"process {ranks.local} of this machine has no GPU, there are {torch.cuda.device_count()}: lower "
                "--nproc-per-node of torchrun, or give --device cpu"
            )
        torch.cuda.set_device(ranks.local)
    dist.init_process_group("nccl" if gpu else "gloo", timeout=PATIENCE)
    try:
        yield ranks
    finally:
        dist.destroy_process_group()
