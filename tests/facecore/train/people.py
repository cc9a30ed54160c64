"""A folder of images of people, small enough to train on in a test."""

from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

PEOPLE = ("ann", "ben", "cai")


def write_people(folder: Path, crops: list[np.ndarray], photos: int = 6, size: int = 64) -> Path:
    """train_data, val_data and test_data of three people, and a list of labelled and one of unlabelled pairs.

    The third person is the first one upside down: unlike both, and easy to tell.
    """
    random = np.random.default_rng(3)
    faces = [crops[0], crops[1], crops[0][::-1]]
    for part, count in (("train_data", photos), ("val_data", 3), ("test_data", 2)):
        for name, face in zip(PEOPLE, faces, strict=True):
            for number in range(count):
                _write(folder / part / name / f"{number}.png", face, size, random)
    numbers = {name: range(4) for name in PEOPLE[:2]}
    for (name, own), face in zip(numbers.items(), faces, strict=False):
        for number in own:
            _write(folder / "verification_data" / f"{name}{number}.png", face, size, random)
    photo = "verification_data/{}{}.png".format
    lines = [f"{photo('ann', i)} {photo('ben', j)} 0" for i, j in product(range(4), repeat=2)]
    lines += [f"{photo(name, i)} {photo(name, j)} 1" for name in PEOPLE[:2] for i in range(4) for j in range(i)]
    (folder / "verification_pairs_val.txt").write_text("\n".join(lines) + "\n")
    (folder / "verification_pairs_test.txt").write_text("\n".join(line[:-2] for line in lines) + "\n")
    return folder


def _write(path: Path, face: np.ndarray, size: int, random: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    changed = np.clip(face * random.uniform(0.6, 1.2) + random.normal(0, 6, face.shape), 0, 255).astype(np.uint8)
    Image.fromarray(changed).resize((size, size)).save(path)
