"""Training augmentations on whole batches of aligned faces, on whatever device the batch is.

Every random number comes from the generator that is handed in, so that a run can be repeated and resumed exactly.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


@dataclass(frozen=True)
class Augmentation:
    """How much a face is changed; standard deviations unless said otherwise.

    Attributes:
        rotation: degrees.
        scale: of the logarithm of the size.
        shift: pixels in a crop of 112.
        mirror: probability.
        low_resolution: probability of shrinking the crop to 20 to 60 % and enlarging it again.
        grey: probability.
        brightness: of the logarithm of the factor on all values.
        contrast: of the logarithm of the factor on the distance to the crop's mean.
    """

    rotation: float = 3.4
    scale: float = 0.04
    shift: float = 1.4
    mirror: float = 0.5
    low_resolution: float = 0.15
    grey: float = 0.1
    brightness: float = 0.15
    contrast: float = 0.15

    def __call__(self, faces: Tensor, size: int, generator: Generator) -> Tensor:
        """Changed faces, resized.

        Args:
            faces: (N, 3, H, W) uint8 RGB.
            size: height and width of the result in pixels.
            generator: on the CPU, whatever the device of the faces.

        Returns:
            (N, 3, size, size) float32 in 0..1, channels last.
        """
        x = resize(faces, size).float().div_(255)
        x = self._move(x, generator)
        x = self._blur(x, generator)
        return self._light(x, generator).contiguous(memory_format=torch.channels_last)

    def _move(self, x: Tensor, generator: Generator) -> Tensor:
        """Mirror, rotation, scale and shift in one resampling; the border is repeated."""
        n = len(x)
        draw = torch.randn(4, n, generator=generator)
        angle = draw[0] * math.radians(self.rotation)
        zoom = torch.exp(draw[1] * self.scale)
        sign = 1 - 2 * (torch.rand(n, generator=generator) < self.mirror).float()
        # affine_grid counts in half sizes: the crop reaches from -1 to 1.
        shift = draw[2:] * self.shift / 56
        cos, sin = zoom * torch.cos(angle), zoom * torch.sin(angle)
        theta = torch.stack([cos * sign, -sin, shift[0], sin * sign, cos, shift[1]], dim=1).view(n, 2, 3)
        grid = F.affine_grid(theta.to(x.device), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def _blur(self, x: Tensor, generator: Generator) -> Tensor:
        """Some crops lose resolution; all of one batch lose the same, which keeps this to two resizings."""
        chosen = torch.rand(len(x), generator=generator) < self.low_resolution
        factor = 0.2 + 0.4 * float(torch.rand(1, generator=generator))
        rows = chosen.nonzero().flatten().to(x.device)
        if len(rows) == 0:
            return x
        size = x.shape[-1]
        small = F.interpolate(x[rows], size=max(8, round(size * factor)), mode="bilinear", antialias=True)
        x[rows] = F.interpolate(small, size=size, mode="bilinear")
        return x

    def _light(self, x: Tensor, generator: Generator) -> Tensor:
        n = len(x)
        grey = (torch.rand(n, generator=generator) < self.grey).to(x.device)[:, None, None, None]
        # Luma of ITU-R BT.601, which JPEG and WebP use.
        luma = x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
        x = torch.where(grey, (x * luma).sum(1, keepdim=True), x)
        draw = torch.randn(2, n, generator=generator).to(x.device)
        contrast = torch.exp(draw[0] * self.contrast)[:, None, None, None]
        brightness = torch.exp(draw[1] * self.brightness)[:, None, None, None]
        mean = x.mean((1, 2, 3), keepdim=True)
        return (((x - mean) * contrast + mean) * brightness).clamp_(0, 1)


def resize(faces: Tensor, size: int) -> Tensor:
    """Faces (N, 3, H, W) uint8 at another size, antialiased."""
    if faces.shape[-1] == size and faces.shape[-2] == size:
        return faces
    return F.interpolate(faces, size=(size, size), mode="bilinear", antialias=True)
