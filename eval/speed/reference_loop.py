"""The loop that training is measured against: written after torchvision's references/classification/train.py.

What it has in common with that script: ImageFolder, one picture at a time through torchvision's transforms, a
DataLoader that collates them, tensors with the channels first, plain SGD, autocast only where it is asked for, and
after each step the loss and both accuracies brought to Python as numbers. What differs, so that both loops do the same
work: pictures are cut as the preset "reference" does it instead of at random, and SGD has the settings of the recipe.
Memory is pinned for a GPU alone.
"""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.models import resnet18

from facecore.transforms import Preset


@dataclass
class Meters:
    """Running sums of what each step gave, and the latest of it.

    Attributes:
        sums: of loss and of the accuracies in percent, each times the images of its step.
        images: how many have been seen.
        latest: of the last step.
    """

    sums: dict[str, float] = field(default_factory=dict)
    images: int = 0
    latest: dict[str, float] = field(default_factory=dict)

    def add(self, images: int, values: dict[str, Tensor]) -> None:
        """Take what a step gave; waits for the device, as the script does."""
        self.latest = {name: value.item() for name, value in values.items()}
        for name, value in self.latest.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * images
        self.images += images


class ReferenceLoop:
    """ResNet-18 trained on a folder of classes.

    Args:
        root: folder with a folder of images for each class.
        preset: "reference" at the size to train at: shorter side, centre and normalisation.
        batch_size: images in a step.
        workers: processes that read.
        device: where to train.
        autocast: type of the convolutions, None for float32.
        rate: learning rate.
        momentum: of SGD.
        weight_decay: of all parameters.
    """

    def __init__(
        self,
        root: Path,
        preset: Preset,
        batch_size: int,
        workers: int,
        device: torch.device,
        autocast: torch.dtype | None,
        rate: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        steps = [
            transforms.Resize(preset.resize or preset.size),
            transforms.CenterCrop(preset.size),
            transforms.PILToTensor(),
            transforms.ConvertImageDtype(torch.float32),
            transforms.Normalize(preset.mean, preset.std),
        ]
        self.data = ImageFolder(str(root), transforms.Compose(steps))
        self.loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
            self.data,
            batch_size=batch_size,
            sampler=RandomSampler(self.data),
            num_workers=workers,
            pin_memory=device.type == "cuda",
        )
        self.device, self.autocast = device, autocast
        self.network: nn.Module = resnet18(num_classes=len(self.data.classes)).to(device).train()
        self.criterion = nn.CrossEntropyLoss()
        parameters = self.network.parameters()
        self.optimizer = torch.optim.SGD(parameters, lr=rate, momentum=momentum, weight_decay=weight_decay)
        self.scaler = GradScaler(device.type, enabled=autocast is torch.float16)
        self.meters = Meters()

    def window(self, settle: int, steps: int) -> float:
        """Images/s over `steps` steps, after `settle` steps in which the workers fill their queues."""
        source = self._endless()
        began, before = 0.0, 0
        for number, (images, labels) in enumerate(islice(source, settle + steps)):
            if number == settle:
                began, before = now(self.device), self.meters.images
            self.step(images, labels)
        return (self.meters.images - before) / (now(self.device) - began)

    def step(self, images: Tensor, labels: Tensor) -> None:
        """One step on (N, 3, S, S) float32 and (N,) int64."""
        images, labels = images.to(self.device), labels.to(self.device)
        with torch.autocast(self.device.type, self.autocast) if self.autocast else nullcontext():
            logits = self.network(images)
            loss = self.criterion(logits, labels)
        self.optimizer.zero_grad()
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        top1, top5 = top_accuracies(logits, labels)
        self.meters.add(len(images), {"loss": loss.detach(), "top1": top1, "top5": top5})

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self.loader


def now(device: torch.device) -> float:
    """Seconds, when everything that the device was given is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


@torch.no_grad()
def top_accuracies(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Percentages of labels that are the first, and among the first five, of the logits (N, C)."""
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices
    hits = (best == labels[:, None]).float()
    return 100 * hits[:, 0].mean(), 100 * hits.sum(1).mean()
