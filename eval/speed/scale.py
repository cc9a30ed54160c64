"""What a folder of hundreds of thousands of images costs: to list it, to walk through it, and to train on it.

The images are made: JPEG files that show two photos which come with the dependencies, cut out in some hundred ways.
Each file has its own bytes (a comment with its number), so that nothing can be shared among them.
"""

import io
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import matplotlib
import numpy as np
import psutil
import skimage.data
import torch
from PIL import Image
from tqdm import tqdm

from eval.speed.training import RECIPE, OurLoop, Setup, make_batches
from facecore.data.folder import FaceFolder, scan_folder
from facecore.data.pictures import FilePictures, Pictures, hold
from facecore.device import pick_precision
from facecore.errors import DataError
from facecore.train.batches import Loading, walk
from facecore.train.distributed import Ranks

DISTINCT = 256  # pictures that are encoded; the files repeat them
QUALITY = 75
BLOCK = 4096  # bytes: a file takes whole blocks of the disk in nearly every file system
MARGIN = 1 << 30  # bytes that shall stay free
QUIET = 2.1  # seconds: a listing is not kept while its folders have just changed
POINTS = 10
HELD = 4096  # images held in memory to time steps; how many there are makes no difference to a step


@dataclass(frozen=True)
class Tree:
    """What is generated.

    Attributes:
        classes: folders.
        images: files in all of them.
        size: height and width of an image in pixels.
    """

    classes: int
    images: int
    size: int


@dataclass(frozen=True)
class Usage:
    """Memory at a moment, in bytes.

    Attributes:
        images: that were read until then.
        seconds: since the first worker was started.
        main: resident memory of this process.
        workers: resident memory of all workers together, pages shared with others counted each time.
        own: memory that the workers share with nobody.
    """

    images: int
    seconds: float
    main: int
    workers: int
    own: int


def scale(
    tree: Tree,
    batch_size: int,
    workers: int,
    precision: str,
    epoch_images: int | None,
    steps: int,
    repeat: int,
    keep: Path | None,
) -> None:
    """Generate a tree of images, and print what listing, loading and training on it takes.

    Args:
        tree: what to generate.
        batch_size: images in a step.
        workers: processes that read images.
        precision: of the convolutions.
        epoch_images: images to load while memory is watched; None for all.
        steps: of a window that is timed.
        repeat: windows of training steps, of which the median counts.
        keep: folder for the tree, which is used again if it is there; None for a temporary one.

    Raises:
        DataError: the disk has not enough room, or `keep` holds something else.
        ValueError: there are fewer images than classes, or than a batch holds.
    """
    with _place(keep) as root:
        folder = _start_up(tree, root)
        cpu = torch.device("cpu")
        setup = Setup(cpu, tree.size, batch_size, workers, steps)
        _load(FilePictures(folder, setup.preset), setup, epoch_images)
        _estimate(folder, setup, precision, repeat)
        if torch.cuda.is_available():
            _estimate(folder, replace(setup, device=torch.device("cuda")), precision, repeat)
        else:
            print(
                "an epoch on a GPU: not measured, since PyTorch sees none; where there is one, this command prints it"
            )


@contextmanager
def _place(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    folder = Path(tempfile.mkdtemp(prefix="facecore-scale-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def generate(tree: Tree, root: Path) -> None:
    """Write the tree below an empty folder; the files are spread over the classes evenly.

    Raises:
        DataError: the disk has not enough room.
        ValueError: there are fewer images than classes.
    """
    if tree.images < tree.classes:
        raise ValueError(f"--images {tree.images} is less than --classes {tree.classes}: each class needs one")
    pictures = _pictures(tree.size)
    lengths = np.array([len(picture) for picture in pictures])
    # Of each file whole blocks; of its name and number in the directory half a kilobyte more.
    needed = int(tree.images * (np.mean(-(-lengths // BLOCK) * BLOCK) + 512))
    print(f"{tree.images:,} files of {lengths.mean() / 1000:.1f} kB take {needed / 1e9:.2f} GB of disk in {root}")
    free = shutil.disk_usage(root).free
    if free < needed + MARGIN:
        raise DataError(
            f"{root}: {needed / 1e9:.2f} GB are needed and {MARGIN / 1e9:.0f} GB shall stay free, but only "
            f"{free / 1e9:.2f} GB are: give another folder by --keep, or fewer --images"
        )
    bounds = np.linspace(0, tree.images, tree.classes + 1).astype(int)
    with tqdm(total=tree.images, desc="generating", unit="image", unit_scale=True, mininterval=2) as bar:
        for number in range(tree.classes):
            person = root / f"person_{number:06d}"
            person.mkdir()
            for image in range(bounds[number], bounds[number + 1]):
                (person / f"{image:07d}.jpg").write_bytes(_numbered(pictures[image % DISTINCT], image))
            bar.update(int(bounds[number + 1] - bounds[number]))


def _pictures(size: int) -> list[bytes]:
    """JPEG files of parts of two photos."""
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    photos = [Image.fromarray(skimage.data.astronaut()), Image.open(hopper).convert("RGB")]
    rng = np.random.default_rng(0)
    files = []
    for number in range(DISTINCT):
        photo = photos[number % len(photos)]
        side = int(rng.integers(160, 320))
        left, top = (int(rng.integers(0, length - side)) for length in photo.size)
        file = io.BytesIO()
        part = photo.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BICUBIC)
        part.save(file, "JPEG", quality=QUALITY)
        files.append(file.getvalue())
    return files


def _numbered(jpeg: bytes, number: int) -> bytes:
    """The file with a comment behind its first marker (ITU-T T.81, B.2.4.5: FFFE, the length, the text)."""
    text = f"{number:010d}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def _start_up(tree: Tree, root: Path) -> FaceFolder:
    """Generate what is not there, and list it three times."""
    if not any(root.iterdir()):
        generate(tree, root)
        time.sleep(QUIET)
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name) / "listing.npz"
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            folder = scan_folder(root, cache=cache)
            seconds.append(time.perf_counter() - began)
    if (len(folder.classes), len(folder)) != (tree.classes, tree.images):
        raise DataError(
            f"{root}: holds {len(folder):,} images of {len(folder.classes):,} classes and not {tree.images:,} of "
            f"{tree.classes:,}: give an empty folder by --keep"
        )
    kept = (len(folder.blob) + folder.offsets.nbytes + folder.labels.nbytes) / 1e6
    print(f"listing {len(folder):,} images of {len(folder.classes):,} classes: {seconds[0]:.2f} s, {kept:.1f} MB")
    print(f"listing them again, from what was kept: {seconds[1]:.2f} s")
    return folder


def _load(pictures: Pictures, setup: Setup, images: int | None) -> None:
    """Walk through an epoch without training, and show memory at some points."""
    steps = make_batches(pictures, setup).sampler.steps_per_epoch
    if images is not None:
        steps = min(steps, max(1, images // setup.batch_size))
    table = list(watched_epoch(pictures, setup, steps))
    print(f"loading without training, {setup.workers} workers, resident memory in MB")
    print(f"{'images':>10s} {'seconds':>9s} {'this process':>13s} {'workers':>9s} {'theirs alone':>13s}")
    for at in table:
        print(f"{at.images:10,d} {at.seconds:9.1f} {at.main / 1e6:13.1f} {at.workers / 1e6:9.1f} {at.own / 1e6:13.1f}")
    first, last = table[len(table) // 5], table[-1]
    if last.images > first.images:
        grown = [(last.main - first.main) / 1e6, (last.own - first.own) / 1e6]
        rate = (last.images - first.images) / (last.seconds - first.seconds)
        print(
            f"from {first.images:,} to {last.images:,} images: {rate:.0f} images/s; this process "
            f"{grown[0]:+.1f} MB, the workers {grown[1]:+.1f} MB"
        )


def watched_epoch(pictures: Pictures, setup: Setup, steps: int) -> Iterator[Usage]:
    """Memory after the first step of some, and after each tenth of them."""
    marks = {1, *(steps * point // POINTS for point in range(1, POINTS + 1))}
    began = time.perf_counter()
    source = walk(make_batches(pictures, setup), 0, steps, Loading(setup.device, setup.workers), Ranks())
    with tqdm(total=steps * setup.batch_size, desc="loading", unit="image", unit_scale=True, mininterval=2) as bar:
        for step, parts in enumerate(source, 1):
            bar.update(sum(len(part) for part in parts))
            if step in marks:
                yield _usage(step * setup.batch_size, time.perf_counter() - began)


def _usage(images: int, seconds: float) -> Usage:
    process = psutil.Process()
    children = process.children(recursive=True)
    resident = sum(child.memory_info().rss for child in children)
    own = sum(child.memory_full_info().uss for child in children)
    return Usage(images, seconds, process.memory_info().rss, resident, own)


def _estimate(folder: FaceFolder, setup: Setup, precision: str, repeat: int) -> None:
    """Print images/s of some training steps, and what an epoch would take at that."""
    kind = pick_precision(precision, setup.device)
    word = str(kind or torch.float32).removeprefix("torch.")
    files = FilePictures(folder, setup.preset)
    some = min(len(folder), max(HELD, setup.batch_size))
    part = FaceFolder(folder.root, folder.classes, folder.labels[:some], folder.blob, folder.offsets[: some + 1])
    held = hold(FilePictures(part, setup.preset), setup.device, setup.workers)
    print(f"ResNet-18 of the recipe, {setup.size} px, batch {setup.batch_size}, {word}, {_device_name(setup.device)}")
    sources: dict[str, Pictures] = {"from files": files, "in memory": held}
    for name, pictures in sources.items():
        loop = OurLoop(pictures, len(folder.classes), setup, kind, RECIPE["shortcut"])
        rate = median(loop.window(setup.settle, setup.steps) for _ in range(repeat))
        print(
            f"{name:10s} {rate:10.1f} images/s: an epoch of {len(folder):,} images would take "
            f"{_duration(len(folder) / rate)} (an estimate: count through rate)"
        )


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} processor threads"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
