"""How fast this machine is.

    python -m eval.speed pair                    compare two photos of one megapixel, warm
    python -m eval.speed pair a.jpg b.jpg        compare two photos of your own
    python -m eval.speed step                    images/s of a training step, the measure of the machine itself

Timings are medians of several runs; run them on an otherwise idle machine.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from statistics import median

import skimage.data
import torch
import torch.nn.functional as F
from PIL import Image

from facecore import image
from facecore.command_line import DONE, run_command
from facecore.device import pick_device, pick_precision
from facecore.errors import NoFaceError
from facecore.faces.align import align
from facecore.flags import add_model_flags
from facecore.models import resnet18
from facecore.recognizer import FaceRecognizer, one_thread_per_photo


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("what", choices=["pair", "step"], help="what to time")
    p.add_argument("photos", nargs="*", type=Path, help="two photos (default: one made from scikit-image's astronaut)")
    p.add_argument("--repeat", type=int, default=15, metavar="N", help="runs to take the median of (default 15)")
    add_model_flags(p)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _run, argv)


def _run(a: argparse.Namespace) -> int:
    if a.repeat < 1:
        raise ValueError(f"--repeat must be 1 or more, not {a.repeat}")
    if a.what == "step":
        _step(a.device, a.repeat)
        return DONE
    if len(a.photos) not in (0, 2):
        raise ValueError(f"give two photos or none, not {len(a.photos)}")
    one_thread_per_photo()
    with tempfile.TemporaryDirectory() as folder:
        _pair(FaceRecognizer.from_pretrained(a.model, device=a.device), a.photos or _megapixel(Path(folder)), a.repeat)
    return DONE


def _megapixel(folder: Path) -> list[Path]:
    """Two JPEG files of 1000x1000 pixels that show a face."""
    photo = Image.fromarray(skimage.data.astronaut()).resize((1000, 1000), Image.Resampling.BICUBIC)
    paths = [folder / "left.jpg", folder / "right.jpg"]
    photo.save(paths[0], quality=90)
    photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(paths[1], quality=90)
    return paths


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
        print(f"{name:20s} {1000 * _median_seconds(stage, repeat):7.1f} ms")


def _median_seconds(call: Callable[[], object], repeat: int) -> float:
    call()  # warm
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return median(times)


def _step(device_name: str, repeat: int, batch_size: int = 64, size: int = 112) -> None:
    """A step of ResNet-18 with 1,000 classes under SGD, channels last, in each precision that makes sense here."""
    device = pick_device(device_name)
    network = resnet18().to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, fused=True)
    faces = torch.rand(batch_size, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch_size, device=device)

    def step(autocast: torch.dtype | None) -> None:
        with torch.autocast(device.type, autocast) if autocast else nullcontext():
            loss = F.cross_entropy(network(faces), labels)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        loss.item()  # waits for the device

    print(f"ResNet-18, {size} px, batch {batch_size}, {device}, {torch.get_num_threads()} threads, median of {repeat}")
    for autocast in dict.fromkeys([None, pick_precision("auto", device)]):
        name = "float32" if autocast is None else str(autocast).removeprefix("torch.")
        seconds = _median_seconds(partial(step, autocast), repeat)
        print(f"{name:10s} {batch_size / seconds:8.1f} images/s")


if __name__ == "__main__":
    sys.exit(main())
