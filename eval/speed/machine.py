"""Two photos compared, and a step of training: how fast this machine is."""

import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import skimage.data
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.optim import Optimizer

from eval.speed.timing import median_seconds
from facecore import image
from facecore.device import pick_device, pick_precision
from facecore.errors import NoFaceError
from facecore.faces.align import align
from facecore.models import resnet18
from facecore.recognizer import FaceRecognizer, one_thread_per_photo
from facecore.train.small_maps import take_small_maps_as_products


def megapixel_photos(folder: Path) -> list[Path]:
    """Two JPEG files of 1000x1000 pixels that show a face."""
    photo = Image.fromarray(skimage.data.astronaut()).resize((1000, 1000), Image.Resampling.BICUBIC)
    paths = [folder / "left.jpg", folder / "right.jpg"]
    photo.save(paths[0], quality=90)
    photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(paths[1], quality=90)
    return paths


def pair(recognizer: FaceRecognizer, photos: list[Path], repeat: int) -> None:
    """Print what a comparison of two photos takes, and what each of its stages does.

    Args:
        recognizer: the model.
        photos: two, or none to make some.
        repeat: runs to take the median of.

    Raises:
        ValueError: there is one photo, or more than two.
        FaceError: the first photo shows no face.
        ImageError: the first photo cannot be used.
    """
    if len(photos) not in (0, 2):
        raise ValueError(f"give two photos or none, not {len(photos)}")
    one_thread_per_photo()
    with tempfile.TemporaryDirectory() as folder:
        _pair(recognizer, photos or megapixel_photos(Path(folder)), repeat)


def _pair(recognizer: FaceRecognizer, photos: list[Path], repeat: int) -> None:
    rgb = image.load(photos[0])
    prepared = recognizer.prepare(photos[0])
    if prepared.crop is None or prepared.face is None:
        raise prepared.error or NoFaceError(f"{photos[0]}: no face was found")
    crop, landmarks = prepared.crop, prepared.face.landmarks
    stages: dict[str, Callable[[], object]] = {
        "read": lambda: image.load(photos[0]),
        "detect": lambda: recognizer.detector.detect(rgb),
        "align": lambda: align(rgb, landmarks, recognizer.input.size),
        "network, two faces": lambda: recognizer.encode([crop, crop], 2),
        "compare two photos": lambda: recognizer.compare(photos[0], photos[1]),
    }
    print(f"{rgb.shape[1]}x{rgb.shape[0]} px, {torch.get_num_threads()} threads, median of {repeat}")
    for name, stage in stages.items():
        print(f"{name:20s} {1000 * median_seconds(stage, repeat):7.1f} ms")


def step(device_name: str, repeat: int, batch_size: int = 64, size: int = 112) -> None:
    """A step of ResNet-18 with 1,000 classes under SGD, channels last, in each precision that makes sense here.

    Where training takes small maps as matrix products (`facecore.train.small_maps`), with and without that.
    """
    device = pick_device(device_name)
    faces = torch.rand(batch_size, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch_size, device=device)

    def once(network: nn.Module, optimizer: Optimizer, autocast: torch.dtype | None) -> None:
        with torch.autocast(device.type, autocast) if autocast else nullcontext():
            loss = F.cross_entropy(network(faces), labels)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        loss.item()  # waits for the device

    print(f"ResNet-18, {size} px, batch {batch_size}, {device}, {torch.get_num_threads()} threads, median of {repeat}")
    for autocast in dict.fromkeys([None, pick_precision("auto", device)]):
        name = "float32" if autocast is None else str(autocast).removeprefix("torch.")
        for way in ("", ", small maps as products"):
            network = resnet18().to(device).to(memory_format=torch.channels_last)
            if way and not take_small_maps_as_products(network, device, autocast):
                continue
            optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, fused=True)
            seconds = median_seconds(partial(once, network, optimizer, autocast), repeat)
            print(f"{name + way:34s} {batch_size / seconds:8.1f} images/s")
