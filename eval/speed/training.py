"""Images/s of training beside those of torchvision's reference loop, and what of the processor's peak they make use of.

Ours is the code of `python -m facecore.train` itself: its loop, its batches and its step, with the settings of the
recipe "reference". Both loops train torchvision's ResNet-18 on the same folder at the same size by turns, so that what
disturbs the machine disturbs both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Protocol

import torch
from torch.amp import GradScaler
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from eval.speed.reference_loop import ReferenceLoop, now
from facecore.augment import augmentation
from facecore.data.folder import FaceFolder, scan_folder
from facecore.data.layout import find_layout
from facecore.data.pictures import FilePictures, Pictures, hold
from facecore.data.samplers import Shuffled
from facecore.device import pick_precision
from facecore.models.heads import make_head
from facecore.models.resnet import Shortcut, resnet18
from facecore.train.batches import Batches, Loading, Part, walk
from facecore.train.distributed import Ranks
from facecore.train.flags import RECIPES
from facecore.train.loop import Calls, train
from facecore.train.optimizers import make_sgd
from facecore.train.plan import Phase, Plan
from facecore.train.recipes.classify import Classification
from facecore.train.run import compile_network
from facecore.train.small_maps import take_small_maps_as_products
from facecore.train.state import Progress
from facecore.train.step import Stepper
from facecore.transforms import Preset, preset

RECIPE = RECIPES["reference"]
RATE = 0.01  # smaller than the recipe's, so that nothing can diverge; a step takes as long at any rate
MATRICES = (1024, 2048, 4096)
"""Sizes of the matrices that show how fast the device multiplies; the best size differs from one to another."""


@dataclass(frozen=True)
class Setup:
    """How to train.

    Attributes:
        device: where.
        size: height and width of the input in pixels.
        batch_size: images in a step.
        workers: processes that read images.
        steps: steps of a window that are timed.
        compiled: whether ours is measured compiled as well (`facecore.train --compile`), in memory.
    """

    device: torch.device
    size: int
    batch_size: int
    workers: int
    steps: int
    compiled: bool = False

    @property
    def settle(self) -> int:
        """Steps of a window that come before those that are timed: the workers fill their queues of two batches."""
        return 2 + 2 * self.workers

    @property
    def preset(self) -> Preset:
        """How images are made to inputs."""
        return preset(RECIPE["preset"], self.size)


class Loop(Protocol):
    """Something that trains for a while and says how fast it was."""

    def window(self, settle: int, steps: int) -> float:
        """Images/s over `steps` steps, after `settle` others."""


class OurLoop:
    """Training as `python -m facecore.train` does it, some steps at a time.

    Args:
        pictures: in files or in memory.
        classes: number of classes.
        setup: how to train.
        autocast: type of the convolutions, None for float32.
        shortcut: of the ResNet-18; "projection" is torchvision's network.
        compiled: whether the network is compiled, at its first step.
    """

    def __init__(
        self,
        pictures: Pictures,
        classes: int,
        setup: Setup,
        autocast: torch.dtype | None,
        shortcut: Shortcut,
        compiled: bool = False,
    ) -> None:
        self.setup, self.pictures = setup, pictures
        self.loading = Loading(setup.device, setup.workers)
        self.objective = make_objective(classes, shortcut, setup.device)
        take_small_maps_as_products(self.objective, setup.device, autocast)
        if compiled:
            compile_network(self.objective.network)
        optimizer = make_sgd(self.objective, RECIPE["momentum"], RECIPE["weight_decay"])
        scaler = GradScaler(setup.device.type, enabled=autocast is torch.float16)
        limit = RECIPE["max_gradient_norm"] or None
        self.stepper = Stepper(self.objective, optimizer, scaler, autocast, limit, seed=0)
        self.batches = make_batches(pictures, setup)
        per_epoch = self.batches.sampler.steps_per_epoch
        self.plan = Plan([], setup.batch_size, RATE, 0, schedule="constant", steps_per_epoch=per_epoch)
        self.step = 0

    def window(self, settle: int, steps: int) -> float:
        """See `Loop`."""
        times: list[float] = []
        device = self.setup.device

        def timed(first: int, last: int) -> Iterator[list[Part]]:
            # The walk goes beyond the window: workers that have nothing more to read would leave the steps more
            # of the processor than they have in a long run.
            source = walk(self.batches, first, last + 1000, self.loading, Ranks())
            for step in range(first, last):
                if step == first + settle:
                    times.append(now(device))
                yield next(source)
            times.append(now(device))

        first, self.step = self.step, self.step + settle + steps
        plan = replace(self.plan, phases=[Phase(self.setup.size, self.step * self.setup.batch_size)])
        calls = Calls(
            batches=timed,
            report=lambda step, means, seconds: None,
            reports_at=lambda step: False,
            save=lambda progress: None,
            name=self.pictures.name,
        )
        start = Progress(first, 0.0)
        train(self.stepper, plan, calls, start, float("inf"), 0.01, len(self.pictures), Ranks())
        return steps * self.setup.batch_size / (times[1] - times[0])


def make_objective(classes: int, shortcut: Shortcut, device: torch.device) -> Classification:
    """The recipe's network, head and loss, fresh."""
    network = resnet18(num_classes=0, shortcut=shortcut)
    head = make_head(RECIPE["head"], network.embedding_dim, classes)
    objective = Classification(network, head, RECIPE["margin_warmup"])
    return objective.to(device).to(memory_format=torch.channels_last).train()


def make_batches(pictures: Pictures, setup: Setup) -> Batches:
    """The recipe's batches.

    Raises:
        ValueError: there are fewer pictures than a batch holds.
    """
    sampler = Shuffled(len(pictures), setup.batch_size, seed=0)
    one_size = Plan([Phase(setup.size, 1)], setup.batch_size, RATE, 0)
    return Batches(pictures, sampler, setup.preset, augmentation(RECIPE["augment"]), one_size.size_at, seed=0)


@dataclass(frozen=True)
class _Line:
    """A line of the table: a loop, its precision, and what it is called."""

    name: str
    autocast: torch.dtype | None
    loop: Loop


def training(data: Path, setup: Setup, precision: str, repeat: int) -> None:
    """Print images/s of the loops, their ratios, and their shares of the device's peak.

    Args:
        data: as for `python -m facecore.train`: a folder with train_data in it, or one folder of images a person.
        setup: how to train.
        precision: of the convolutions; where it is not float32, both float32 and it are measured.
        repeat: windows of each loop, of which the median counts.

    Raises:
        DataError: the folder cannot be used.
        ValueError: the precision is not known, or there are fewer images than a batch holds.
    """
    folder = scan_folder(find_layout(data).train)
    kinds = list(dict.fromkeys([None, pick_precision(precision, setup.device)]))
    files = FilePictures(folder, setup.preset)
    held = hold(files, setup.device, setup.workers)
    lines = [line for kind in kinds for line in _lines(folder, files, held, setup, kind)]
    rates: dict[int, list[float]] = {number: [] for number in range(len(lines))}
    peaks: dict[torch.dtype | None, float] = dict.fromkeys(kinds, 0.0)
    for _ in tqdm(range(repeat), desc="rounds", unit="round"):
        for kind in kinds:
            peaks[kind] = max(peaks[kind], matrix_peak(kind or torch.float32, setup.device))
        for number, line in enumerate(lines):
            rates[number].append(line.loop.window(setup.settle, setup.steps))
    operations = step_operations(len(folder.classes), setup.size)
    threads = f", {torch.get_num_threads()} threads" if setup.device.type == "cpu" else ""
    print(f"ResNet-18, {setup.size} px, batch {setup.batch_size}, {setup.workers} workers, {setup.device}{threads}")
    print(
        f"{len(folder):,} images of {len(folder.classes):,} people; medians of {repeat} windows of {setup.steps} steps"
    )
    _print_table(lines, [median(rates[number]) for number in range(len(lines))], peaks, operations)


def _lines(folder: FaceFolder, files: Pictures, held: Pictures, setup: Setup, kind: torch.dtype | None) -> list[_Line]:
    classes = len(folder.classes)
    reference = ReferenceLoop(
        folder.root, setup.preset, setup.batch_size, setup.workers, setup.device, kind, RATE,
        RECIPE["momentum"], RECIPE["weight_decay"],
    )  # fmt: skip
    lines = [
        _Line("torchvision's loop", kind, reference),
        _Line("ours, from files", kind, OurLoop(files, classes, setup, kind, "projection")),
        _Line("ours, in memory", kind, OurLoop(held, classes, setup, kind, "projection")),
    ]
    if setup.compiled:
        lines.append(_Line("ours, compiled", kind, OurLoop(held, classes, setup, kind, "projection", compiled=True)))
    return lines


def _print_table(
    lines: list[_Line], rates: list[float], peaks: dict[torch.dtype | None, float], operations: float
) -> None:
    """Rates, their ratios to torchvision's loop in the same precision and in float32, and shares of the peak."""
    base = {
        line.autocast: rate for line, rate in zip(lines, rates, strict=True) if isinstance(line.loop, ReferenceLoop)
    }
    heads = ("images/s", "same prec.", "to float32", "GFLOP/s", "of peak")
    print(f"{'':18s} {'precision':9s}" + "".join(f" {head:>10s}" for head in heads))
    for line, rate in zip(lines, rates, strict=True):
        kind = line.autocast
        print(
            f"{line.name:18s} {_word(kind):9s} {rate:10.1f} {rate / base[kind]:9.2f}x {rate / base[None]:9.2f}x "
            f"{operations * rate / 1e9:10.1f} {100 * operations * rate / peaks[kind]:9.0f}%"
        )
    found = ", ".join(f"{peak / 1e9:.1f} GFLOP/s in {_word(kind)}" for kind, peak in peaks.items())
    print(f"a training step takes {operations / 1e9:.2f} GFLOP an image; the peak, of matrix products: {found}")


def _word(kind: torch.dtype | None) -> str:
    return str(kind or torch.float32).removeprefix("torch.")


def step_operations(classes: int, size: int) -> float:
    """Floating-point operations of forward and backward for one image, a multiplication with an addition as two.

    Convolutions and matrix products are counted, which is nearly all.
    """
    objective = make_objective(classes, "projection", torch.device("cpu"))
    images, labels = torch.zeros(2, 3, size, size), torch.zeros(2, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        loss, _ = objective(images, labels, labels, 0)
        torch.autograd.backward(loss)
    return float(counter.get_total_flops() / 2)


def matrix_peak(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of the fastest of some matrix multiplications, on all threads that PyTorch uses."""
    return max(_multiplication_rate(size, dtype, device) for size in MATRICES)


def _multiplication_rate(size: int, dtype: torch.dtype, device: torch.device) -> float:
    left, right = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    torch.matmul(left, right)
    began = now(device)
    torch.matmul(left, right)
    return float(2 * size**3 / (now(device) - began))
