"""Show what an augmentation does to photos, as one picture.

    python -m facecore.contact_sheet --augment hard --out sheet.png
    python -m facecore.contact_sheet a.jpg b.jpg --augment face --out sheet.png
    python -m facecore.contact_sheet crops/*.png --aligned --augment trivial --size 64 --out sheet.png

One row for each photo: first the face as it is, then as training may see it, different in each column. Without photos,
two that come with other packages are shown (Eileen Collins, NASA; Grace Hopper, US Navy).

Exit code: 0 written; 2 wrong usage, or no photo in which there is a face; 3 the picture could not be written.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor
from tqdm import tqdm

from facecore.augment import PRESETS, augmentation, resize
from facecore.command_line import DONE, run_command
from facecore.errors import DataError
from facecore.files import atomic_path
from facecore.image import Photo, Pixels
from facecore.preparer import Preparer, one_thread_per_photo
from facecore.transforms import preset

GAP = 4  # pixels of white between the faces


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m facecore.contact_sheet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("photos", nargs="*", metavar="PHOTO", help="photos with a face; of several the largest is shown")
    p.add_argument("--augment", choices=PRESETS, default="face",
                   help="none: only the size; mirror: left and right; face: what is safe for any face; hard: photos as "
                   "bad as they come; trivial: torchvision's TrivialAugmentWide (default face)")  # fmt: skip
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="the picture to write, ending in .png")
    p.add_argument("--size", type=int, default=112, metavar="N", help="height and width of a face (default 112)")
    p.add_argument("--columns", type=int, default=8, metavar="N", help="faces in a row, 2 or more (default 8)")
    p.add_argument("--seed", type=int, default=0, help="of the changes (default 0)")
    p.add_argument("--aligned", action="store_true", help="the photos are faces that were cut out already")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _write, argv)


def sheet(faces: Sequence[Pixels], name: str, *, size: int = 112, columns: int = 8, seed: int = 0) -> Pixels:
    """Faces, and beside each what augmentation makes of it: uint8 (H, W, 3).

    Args:
        faces: uint8 (S, S, 3) each, all of one size.
        name: one of `facecore.augment.PRESETS`.
        size: height and width of each face in the picture.
        columns: faces in a row, the one without changes among them.
        seed: of the changes.

    Raises:
        ValueError: the preset is not known, or there are fewer than two columns.
    """
    if columns < 2:
        raise ValueError(f"{columns} columns: 2 or more are needed, the first shows the face without changes")
    augment = augmentation(name)
    generator = Generator().manual_seed(seed)
    batch = torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2)
    # A call for each column: what all faces of a call have in common differs from column to column too.
    made = [augment(batch, size, generator).mul(255).round().byte() for _ in range(columns - 1)]
    grid = torch.stack([resize(batch, size), *made], dim=1)
    return _arrange(grid)


def _arrange(grid: Tensor) -> Pixels:
    """(rows, columns, 3, size, size) as one picture on white."""
    rows, columns, _, size, _ = grid.shape
    step = size + GAP
    picture = np.full((rows * step + GAP, columns * step + GAP, 3), 255, np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = GAP + row * step, GAP + column * step
            picture[top : top + size, left : left + size] = grid[row, column].permute(1, 2, 0).numpy()
    return picture


def _write(a: argparse.Namespace) -> int:
    if a.out.suffix.lower() != ".png":
        raise ValueError(f"--out {a.out}: must end in .png")
    faces = _faces(a.photos or _examples(), a.size, a.aligned)
    picture = sheet(faces, a.augment, size=a.size, columns=a.columns, seed=a.seed)
    with atomic_path(a.out) as path:
        Image.fromarray(picture).save(path, "PNG")
    print(f"{a.out}: {len(faces)} {'photo' if len(faces) == 1 else 'photos'}, augmentation {a.augment}")
    return DONE


def _faces(photos: Sequence[Photo], size: int, aligned: bool) -> list[Pixels]:
    """The faces in the photos; what cannot be shown is named on stderr and left out."""
    one_thread_per_photo()
    preparer = Preparer(preset("aligned", size), align="none" if aligned else "auto")
    faces = []
    for photo in tqdm(photos, desc="photos", delay=1):
        prepared = preparer.prepare(photo)
        if prepared.crop is None:
            tqdm.write(f"python -m facecore.contact_sheet: left out: {prepared.error}", file=sys.stderr)
        else:
            faces.append(prepared.crop)
    if not faces:
        raise DataError("no photo with a face is left to show (--aligned takes photos as they are)")
    return faces


def _examples() -> list[Photo]:
    import matplotlib
    import skimage.data

    return [skimage.data.astronaut(), Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"]


if __name__ == "__main__":
    sys.exit(main())
