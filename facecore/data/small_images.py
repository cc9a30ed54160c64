"""A word about images that are much smaller than what the network takes: the difference is computed for nothing."""

import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from facecore.data.folder import FaceFolder
from facecore.transforms import Preset

SAMPLE = 200
MUCH = 1.5  # times as long a side


def small_image_notice(folder: FaceFolder, preset: Preset, sample: int = SAMPLE) -> str | None:
    """What to say about the images' size, None where it is no waste.

    Args:
        folder: the images; the headers of some, evenly spread, are read.
        preset: what the network takes.
        sample: how many are looked at.
    """
    rows = np.unique(np.linspace(0, len(folder) - 1, min(sample, len(folder)), dtype=int))
    sides = [side for side in (_shorter_side(folder, int(row)) for row in rows) if side]
    if not sides:
        return None
    typical = int(np.median(sides))
    enlarged = preset.resize or preset.size
    if enlarged < MUCH * typical:
        return None
    fitting = max(64, round(preset.size * typical / enlarged / 16) * 16)
    ratio = (preset.size / fitting) ** 2
    return (
        f"{folder.root}: the images are small (shorter side {typical} px in the middle) and are enlarged for an input "
        f"of {preset.size} px: each costs {ratio:.1f} times as many pixels as with --size {fitting}, which shows the "
        "network as much"
    )


def _shorter_side(folder: FaceFolder, row: int) -> int | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(folder.path(row)) as picture:
                return min(picture.size)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
