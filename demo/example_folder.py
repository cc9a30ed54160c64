"""A small folder of two people to try training on, made from photos that come with the dependencies.

It has the layout that `python -m facecore.train` looks for. Its photos are changed copies of two, so it shows that
everything runs; what a model learns from it says nothing about faces.
"""

from itertools import product
from pathlib import Path

import matplotlib
import numpy as np
import skimage.data
import torch
from PIL import Image
from torch import Generator

from facecore.augment import augmentation
from facecore.files import write_text
from facecore.preparer import Preparer
from facecore.transforms import preset

PARTS = {"train_data": 24, "val_data": 8, "test_data": 8}
PAIRED = 6  # photos a person in verification_data


def write_example_folder(folder: Path, seed: int = 0) -> Path:
    """Write train_data, val_data, test_data and verification_data with one labelled and one unlabelled list.

    Args:
        folder: where to; made if it does not exist.
        seed: of the changes.

    Returns:
        The folder.

    Raises:
        OSError: it cannot be written.
    """
    generator = Generator().manual_seed(seed)
    crops = _crops()
    for part, count in PARTS.items():
        for name, crop in crops.items():
            _write(folder / part / name, crop, count, generator)
    names: dict[str, list[str]] = {}
    for name, crop in crops.items():
        files = _write(folder / "verification_data", crop, PAIRED, generator, f"{name}_")
        names[name] = [f"verification_data/{file.name}" for file in files]
    first, second = names.values()
    lines = [f"{a} {b} 0" for a, b in product(first, second)]
    lines += [f"{a} {b} 1" for own in names.values() for i, a in enumerate(own) for b in own[:i]]
    write_text(folder / "verification_pairs_val.txt", "\n".join(lines) + "\n")
    write_text(folder / "verification_pairs_test.txt", "\n".join(line.rsplit(" ", 1)[0] for line in lines) + "\n")
    return folder


def _crops() -> dict[str, np.ndarray]:
    """The aligned faces of Eileen Collins (NASA) and Grace Hopper (US Navy), both in the public domain."""
    photos = {
        "collins": skimage.data.astronaut(),
        "hopper": Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
    }
    preparer = Preparer(preset("aligned"))
    crops = {name: preparer.prepare(photo).crop for name, photo in photos.items()}
    return {name: crop for name, crop in crops.items() if crop is not None}


def _write(folder: Path, crop: np.ndarray, count: int, generator: Generator, prefix: str = "") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    faces = torch.from_numpy(crop).permute(2, 0, 1).expand(count, -1, -1, -1)
    changed = augmentation("hard")(faces, crop.shape[0], generator)
    pixels = (changed * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    files = [folder / f"{prefix}{number:02d}.png" for number in range(count)]
    for file, picture in zip(files, pixels, strict=True):
        Image.fromarray(picture).save(file)
    return files
