"""Two pairs to try, made at start from photos that come with our dependencies. Nothing is downloaded."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import skimage.data
from PIL import Image, ImageEnhance

Pair = tuple[Path, Path]


@dataclass(frozen=True)
class Examples:
    """Paths of photos.

    Attributes:
        same: one photo, and the same one darker, smaller and turned.
        different: two people, the second in grey.
    """

    same: Pair
    different: Pair


def make(folder: Path) -> Examples:
    """Write the examples into `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    # Astronaut Eileen Collins (NASA) and Rear Admiral Grace Hopper (US Navy): works of the US government.
    collins, changed, hopper = folder / "collins.jpg", folder / "collins-changed.jpg", folder / "hopper.jpg"
    photo = Image.fromarray(skimage.data.astronaut())
    photo.save(collins, quality=92)
    smaller = ImageEnhance.Brightness(photo).enhance(0.55).resize((300, 300), Image.Resampling.LANCZOS)
    smaller.rotate(-12, Image.Resampling.BICUBIC, fillcolor=(20, 20, 24)).save(changed, quality=80)
    with Image.open(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg") as image:
        # In grey: in colour these two are too close to call for the bundled models.
        image.convert("L").convert("RGB").save(hopper, quality=92)
    return Examples((collins, changed), (collins, hopper))
