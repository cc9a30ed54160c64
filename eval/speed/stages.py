"""Where the time goes between a photo and its embedding, on one core."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from eval.engines.base import Work
from eval.engines.local import LocalEngine
from eval.speed.timing import median_seconds, one_core
from facecore import image
from facecore.errors import FaceError, ImageError
from facecore.faces.align import align
from facecore.faces.detector import Policy, choose
from facecore.recognizer import FaceRecognizer
from facecore.spec import RecognizerSpec

BATCH_SIZE = 64
MATRICES = (512, 1024, 2048)
"""Sizes of the matrices that show how fast the processor multiplies; the best size differs from one to another."""


def stages(spec: RecognizerSpec, photos: list[Path], face: Policy, repeat: int) -> None:
    """Print images/s of each stage, of all together, and what the network makes of the processor's peak.

    Raises:
        FaceError: no photo shows a face.
    """
    spec = replace(spec, device="cpu")
    with one_core():
        recognizer = spec.make()
        engine, work = LocalEngine(recognizer, workers=0), Work(spec, face, BATCH_SIZE)
        photos = [photo for photo in photos if _is_readable(photo)]
        rgbs = [image.load(photo) for photo in photos]
        detect = recognizer.detector.detect
        found = [detect(rgb, policy=face, chosen_only=True) for rgb in rgbs]
        shown = [
            (rgb, choose(faces, face, rgb.shape).landmarks) for rgb, faces in zip(rgbs, found, strict=True) if faces
        ]
        if not shown:
            raise FaceError(f"no face was found in {len(photos)} photos that can be read: give photos of faces")
        size = recognizer.input.size
        crops = [align(rgb, landmarks, size) for rgb, landmarks in shown]
        full = (crops * BATCH_SIZE)[: max(BATCH_SIZE, len(crops) // BATCH_SIZE * BATCH_SIZE)]
        calls: dict[str, tuple[Callable[[], object], int]] = {
            "read": (lambda: [image.load(photo) for photo in photos], len(photos)),
            "detect": (lambda: [detect(rgb, policy=face, chosen_only=True) for rgb in rgbs], len(rgbs)),
            "align": (lambda: [align(rgb, landmarks, size) for rgb, landmarks in shown], len(shown)),
            "network, batch 1": (lambda: recognizer.encode(crops, 1), len(crops)),
            f"network, batch {BATCH_SIZE}": (lambda: recognizer.encode(full, BATCH_SIZE), len(full)),
            "all together": (lambda: list(engine.run(work, photos)), len(photos)),
        }
        seconds = {name: median_seconds(call, repeat, time.process_time) / n for name, (call, n) in calls.items()}
        peak = _peak(torch.bfloat16 if spec.precision == "bf16" else torch.float32, repeat)
    print(f"{len(photos)} photos, {len(crops)} faces, median of {repeat}, for one core")
    for name, each in seconds.items():
        print(f"{name:18s} {1000 * each:8.2f} ms {1 / each:10.1f} images/s")
    _print_sum(seconds, len(shown) / len(photos))
    _print_share(recognizer, peak, seconds[f"network, batch {BATCH_SIZE}"])


def _is_readable(photo: Path) -> bool:
    try:
        image.load(photo)
    except ImageError:
        return False
    return True


def _print_sum(seconds: dict[str, float], faces: float) -> None:
    """The stages' sum beside the whole; the last two are needed by photos with a face alone, a share of all."""
    total = seconds["read"] + seconds["detect"] + faces * (seconds["align"] + seconds[f"network, batch {BATCH_SIZE}"])
    ratio = seconds["all together"] / total
    print(f"sum of the stages  {1000 * total:8.2f} ms; all together takes {ratio:.2f} times as long")


def _print_share(recognizer: FaceRecognizer, peak: float, seconds: float) -> None:
    operations = _operations(recognizer)
    print(
        f"network: {operations / 1e9:.2f} GFLOP an image, {operations / seconds / 1e9:.1f} GFLOP/s, "
        f"{100 * operations / seconds / peak:.0f} % of the {peak / 1e9:.1f} GFLOP/s at which matrices are multiplied"
    )


def _operations(recognizer: FaceRecognizer) -> int:
    """Floating-point operations for one image, a multiplication with an addition counted as two."""
    size = recognizer.input.size
    batch = torch.from_numpy(recognizer.input.array([np.zeros((size, size, 3), np.uint8)]))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        recognizer.model.network.float().cpu().embed(batch)
    return int(counter.get_total_flops())


def _peak(dtype: torch.dtype, repeat: int) -> float:
    """Operations a second of the fastest of some matrix multiplications, on the threads that are allowed."""
    rates = []
    for size in MATRICES:
        left, right = (torch.rand(size, size).to(dtype) for _ in range(2))
        multiply = partial(torch.matmul, left, right)
        rates.append(2 * size**3 / median_seconds(multiply, max(3, repeat), time.process_time))
    return max(rates)
