"""Where the network runs, in which precision, and on how many threads.

PyTorch is imported by the functions that need it: processes that only read photos do without it.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def pick_device(name: str = "auto") -> "torch.device":
    """The device called `name`; "auto" takes CUDA, else Apple's MPS, else the CPU.

    Raises:
        ValueError: the device is not known or not present on this machine.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device {name!r} is not known: use auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} was asked for, but PyTorch sees no CUDA GPU here: use --device cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {name!r} was asked for, but PyTorch sees no Apple GPU here: use --device cpu")
    return device


def has_bf16(device: "torch.device") -> bool:
    """Whether the device computes in bfloat16 with units of its own, so that it is faster than float32."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


def pick_precision(name: str, device: "torch.device") -> "torch.dtype | None":
    """The autocast type for `name` ("auto", "fp32", "bf16", "fp16"), None for plain float32.

    "auto" is bfloat16 where the device has units for it and float32 elsewhere.

    Raises:
        ValueError: the precision is not known.
    """
    import torch

    if name == "auto":
        return torch.bfloat16 if has_bf16(device) else None
    try:
        return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
    except KeyError:
        raise ValueError(f"precision {name!r} is not known: use auto, fp32, bf16 or fp16") from None


def usable_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
