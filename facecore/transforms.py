"""From a photo or an aligned crop to what the network takes: two presets."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Preset:
    """How pictures are brought to one size and normalised.

    Attributes:
        name: "reference" takes whole photos, "aligned" takes faces that were detected and aligned.
        size: height and width of what the network sees, in pixels.
        resize: length that the shorter side gets before the centre is cut out; None scales the whole picture to
            `size`, which is exact for crops that already have it.
        mean: of each channel, RGB, values in 0..1.
        std: of each channel.
    """

    name: str
    size: int
    resize: int | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def needs_alignment(self) -> bool:
        """Whether faces have to be found and aligned before."""
        return self.name == "aligned"

    def fit(self, picture: np.ndarray) -> np.ndarray:
        """The picture at the network's size: uint8 (H, W, 3) -> uint8 (size, size, 3)."""
        if picture.shape[:2] == (self.size, self.size) and self.resize is None:
            return picture
        image = Image.fromarray(picture)
        if self.resize is None:
            return np.asarray(v2.functional.resize(image, [self.size, self.size]))
        # On PIL images, as the reference system does it: Resize(256), CenterCrop(224).
        return np.asarray(v2.functional.center_crop(v2.functional.resize(image, [self.resize]), [self.size]))

    def batch(self, pictures: list[np.ndarray]) -> Tensor:
        """Pictures of the network's size as one batch: uint8 (size, size, 3) each -> (N, 3, size, size) float32."""
        stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        return self.normalise(stacked.float().div_(255))

    def normalise(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) float in 0..1 -> the same shape, minus the mean, divided by the standard deviation."""
        mean = x.new_tensor(self.mean).view(1, 3, 1, 1)
        std = x.new_tensor(self.std).view(1, 3, 1, 1)
        return (x - mean) / std


def preset(name: str, size: int | None = None) -> Preset:
    """The preset called `name`, at another size if one is given.

    Raises:
        ValueError: the name is not known or the size is under 64 px.
    """
    if size is not None and size < 64:
        raise ValueError(f"size {size} is too small: the networks take 64 px and more")
    if name == "reference":
        size = size or 224
        return Preset("reference", size, round(size * 256 / 224), IMAGENET_MEAN, IMAGENET_STD)
    if name == "aligned":
        return Preset("aligned", size or 112, None, HALF, HALF)
    raise ValueError(f"preset {name!r} is not known: use reference or aligned")
