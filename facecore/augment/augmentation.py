"""Changes as they happen between a face and its photo, made on whole batches."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from facecore.augment import blur
from facecore.augment.jpeg import compress
from facecore.augment.occlusion import cover

LOW_RESOLUTION = (0.2, 0.6)  # of the size
GAUSSIAN = (0.5, 1.6)  # standard deviation in pixels of a crop of 112
MOTION = (3.0, 7.0)  # pixels of a crop of 112
GAMMA = (1.3, 2.5)
QUALITY = (15, 80)
LUMA = (0.299, 0.587, 0.114)  # of ITU-R BT.601, which JPEG and WebP use


@dataclass(frozen=True)
class Augmentation:
    """How much, and how often, a face is changed; standard deviations unless said otherwise. 0 leaves a change out.

    The changes are made in the order in which a photo comes to be: something before the face, its place, focus and
    motion, resolution, light, compression. The defaults are the preset "face".

    Attributes:
        rotation: degrees.
        scale: of the logarithm of the size.
        shift: pixels in a crop of 112.
        mirror: probability.
        low_resolution: probability of shrinking the crop to 20 to 60 % and enlarging it again.
        grey: probability.
        brightness: of the logarithm of the factor on all values.
        contrast: of the logarithm of the factor on the distance to the crop's mean.
        occlusion: probability of sunglasses, a mask or a patch of one colour.
        gaussian_blur: probability of a blur by 0.5 to 1.6 pixels (standard deviation) in a crop of 112.
        motion_blur: probability of a blur along a line of 3 to 7 pixels in a crop of 112.
        darkness: probability of raising the values to a power of 1.3 to 2.5.
        temperature: of the logarithm of the factor on red, whose inverse goes on blue; grey faces stay grey.
        jpeg: probability of compression at a quality of 15 to 80.
    """

    rotation: float = 3.4
    scale: float = 0.04
    shift: float = 1.4
    mirror: float = 0.5
    low_resolution: float = 0.15
    grey: float = 0.1
    brightness: float = 0.15
    contrast: float = 0.15
    occlusion: float = 0.0
    gaussian_blur: float = 0.0
    motion_blur: float = 0.0
    darkness: float = 0.0
    temperature: float = 0.0
    jpeg: float = 0.0

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
        x = _some(x, self.occlusion, generator, lambda part: cover(part, generator))
        x = self._move(x, generator)
        x = self._blur(x, generator)
        x = self._light(x, generator)
        x = _some(x, self.jpeg, generator, lambda part: _compress(part, generator))
        return x.contiguous(memory_format=torch.channels_last)

    def _move(self, x: Tensor, generator: Generator) -> Tensor:
        """Mirror, rotation, scale and shift in one resampling; the border is repeated."""
        n = len(x)
        draw = torch.randn(4, n, generator=generator)
        mirrored = torch.rand(n, generator=generator) < self.mirror
        if self.rotation == self.scale == self.shift == 0:
            return (
                torch.where(mirrored.to(x.device, non_blocking=True)[:, None, None, None], x.flip(3), x)
                if self.mirror
                else x
            )
        angle = draw[0] * math.radians(self.rotation)
        zoom = torch.exp(draw[1] * self.scale)
        sign = 1 - 2 * mirrored.float()
        # affine_grid counts in half sizes: the crop reaches from -1 to 1.
        shift = draw[2:] * self.shift / 56
        cos, sin = zoom * torch.cos(angle), zoom * torch.sin(angle)
        theta = torch.stack([cos * sign, -sin, shift[0], sin * sign, cos, shift[1]], dim=1).view(n, 2, 3)
        grid = F.affine_grid(theta.to(x.device, non_blocking=True), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def _blur(self, x: Tensor, generator: Generator) -> Tensor:
        pixel = x.shape[-1] / 112

        def gaussian(part: Tensor) -> Tensor:
            sigma = _uniform(len(part), GAUSSIAN, generator) * pixel
            return blur.gaussian(part, sigma, GAUSSIAN[1] * pixel)

        def motion(part: Tensor) -> Tensor:
            length = _uniform(len(part), MOTION, generator) * pixel
            angle = _uniform(len(part), (0, math.pi), generator)
            return blur.motion(part, length, angle, MOTION[1] * pixel)

        x = _some(x, self.gaussian_blur, generator, gaussian)
        x = _some(x, self.motion_blur, generator, motion)
        # All faces of a batch lose the same resolution, which keeps this to two resizings.
        chosen = torch.rand(len(x), generator=generator) < self.low_resolution
        low, high = LOW_RESOLUTION
        factor = low + (high - low) * float(torch.rand(1, generator=generator))
        return _replace(x, chosen, lambda part: blur.shrink(part, factor))

    def _light(self, x: Tensor, generator: Generator) -> Tensor:
        n = len(x)
        grey = torch.rand(n, generator=generator) < self.grey
        draw = torch.randn(2, n, generator=generator)
        contrast, brightness = torch.exp(draw[0] * self.contrast), torch.exp(draw[1] * self.brightness)
        x = _replace(x, grey, _grey)
        x = _some(x, self.darkness, generator, lambda part: _darken(part, generator))
        gain = brightness[:, None].expand(n, 3)
        if self.temperature:
            warmth = torch.randn(n, 1, generator=generator) * self.temperature
            tint = torch.exp(warmth * torch.tensor([1.0, 0.0, -1.0]))
            gain = torch.where(grey[:, None], gain, gain * tint)
        if self.contrast == self.brightness == self.temperature == 0:
            return x
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (x - mean) * contrast.to(x.device, non_blocking=True)[:, None, None, None] + mean
        return x.mul_(gain.to(x.device, non_blocking=True)[:, :, None, None]).clamp_(0, 1)


def resize(faces: Tensor, size: int) -> Tensor:
    """Faces (N, 3, H, W) uint8 at another size, antialiased."""
    if faces.shape[-1] == size and faces.shape[-2] == size:
        return faces
    return F.interpolate(faces, size=(size, size), mode="bilinear", antialias=True)


def _some(x: Tensor, probability: float, generator: Generator, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Change each face with a probability; without one, nothing is drawn from the generator."""
    if probability == 0:
        return x
    return _replace(x, torch.rand(len(x), generator=generator) < probability, change)


def _replace(x: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Change the chosen faces in place. Which they are is known on the CPU: the device is not waited for."""
    rows = chosen.nonzero().flatten().to(x.device, non_blocking=True)
    if len(rows):
        x[rows] = change(x[rows])
    return x


def _grey(x: Tensor) -> Tensor:
    luma = torch.tensor(LUMA).to(x.device, non_blocking=True).view(1, 3, 1, 1)
    return (x * luma).sum(1, keepdim=True).expand_as(x)


def _darken(x: Tensor, generator: Generator) -> Tensor:
    gamma = _uniform(len(x), GAMMA, generator).to(x.device, non_blocking=True)
    return x.pow(gamma[:, None, None, None])


def _compress(x: Tensor, generator: Generator) -> Tensor:
    return compress(x, torch.randint(QUALITY[0], QUALITY[1] + 1, (len(x),), generator=generator))


def _uniform(n: int, bounds: tuple[float, float], generator: Generator) -> Tensor:
    return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(n, generator=generator)
