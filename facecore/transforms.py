"""From a photo or an aligned crop to what the network takes: two presets.

PyTorch is imported only where tensors are made: processes that prepare photos for others do without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

Channels = Literal["rgb", "bgr"]

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
        channels: the order in which the network takes them.
    """

    name: str
    size: int
    resize: int | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: Channels = "rgb"

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
            return np.asarray(image.resize((self.size, self.size), Image.Resampling.BILINEAR))
        # As torchvision does it for the reference system, Resize(256) and CenterCrop(224), with its rounding.
        shorter = min(image.size)
        width, height = (int(self.resize * side / shorter) for side in image.size)
        left, top = round((width - self.size) / 2), round((height - self.size) / 2)
        resized = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(resized.crop((left, top, left + self.size, top + self.size)))

    def array(self, pictures: Sequence[np.ndarray]) -> NDArray[np.float32]:
        """Pictures of the network's size as one batch: uint8 (size, size, 3) each -> (N, 3, size, size) float32.

        In memory the channels come last, as in the pictures, which is also what convolutions are fastest with.
        """
        stacked = np.stack(pictures)
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        normalised = (stacked.astype(np.float32) / np.float32(255) - mean) / std
        ordered = normalised if self.channels == "rgb" else normalised[..., ::-1].copy()
        return ordered.transpose(0, 3, 1, 2)

    def batch(self, pictures: Sequence[np.ndarray]) -> "Tensor":
        """The same as `array`, as a tensor."""
        import torch

        return torch.from_numpy(self.array(pictures))

    def normalise(self, x: "Tensor") -> "Tensor":
        """(N, 3, H, W) float, RGB in 0..1 -> the same shape, minus the mean, divided by the standard deviation."""
        import torch

        # Two small copies that a GPU need not be waited for.
        mean, std = (
            torch.tensor(values, dtype=x.dtype).view(1, 3, 1, 1).to(x.device, non_blocking=True)
            for values in (self.mean, self.std)
        )
        normalised = (x - mean) / std
        return normalised if self.channels == "rgb" else normalised.flip(1)


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
