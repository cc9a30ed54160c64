"""Things before a face: sunglasses, masks, and anything else, as areas of one colour."""

import torch
from torch import Generator, Tensor

# Middle and size of each thing in parts of an aligned crop, whose eyes are at a height of 0.46 and whose mouth is at
# 0.82 (facecore.faces.align.TEMPLATE); sunglasses reach over both temples, a mask from the nose to the chin.
_SUNGLASSES = (0.5, 0.46, 0.8, 0.2)
_MASK = (0.5, 0.83, 0.72, 0.42)
_JITTER = 0.04  # standard deviation of the middle of sunglasses and masks, and of the logarithm of their size, times 2
_AREA = (0.03, 0.2)  # of anything else, as a part of the crop
_ASPECT = 3.0  # its longest width for a height, and height for a width


def cover(x: Tensor, generator: Generator) -> Tensor:
    """Faces, each with one of the three before it.

    Sunglasses are dark, masks and other things of any colour or, half of them, grey. Sunglasses and masks are where
    they belong on aligned crops only.

    Args:
        x: (N, 3, H, W) float32 in 0..1.
        generator: on the CPU, whatever the device of the faces.
    """
    n, _, height, width = x.shape
    kind = torch.randint(3, (n,), generator=generator)
    boxes = torch.where((kind == 2)[:, None], _anything(n, generator), _worn(kind, generator))
    colour = torch.rand(n, 3, generator=generator)
    grey = torch.rand(n, 1, generator=generator) < 0.5
    colour = torch.where(grey, colour[:, :1], colour)
    colour = torch.where((kind == 0)[:, None], 0.2 * colour, colour)

    boxes, colour = boxes.to(x.device, non_blocking=True), colour.to(x.device, non_blocking=True)
    across = _distance(width, boxes[:, 0], boxes[:, 2])[:, None, None, :]
    down = _distance(height, boxes[:, 1], boxes[:, 3])[:, None, :, None]
    # A rectangle with rounded corners (superellipse): glasses and masks have them.
    inside = across**4 + down**4 <= 1
    return torch.where(inside, colour[:, :, None, None], x)


def _worn(kind: Tensor, generator: Generator) -> Tensor:
    """Middles and sizes of sunglasses (kind 0) and masks: (N, 4), across and down."""
    draw = torch.randn(len(kind), 4, generator=generator) * _JITTER
    boxes = torch.tensor([_SUNGLASSES, _MASK, _MASK])[kind]
    return torch.cat([boxes[:, :2] + draw[:, :2], boxes[:, 2:] * torch.exp(2 * draw[:, 2:])], dim=1)


def _anything(n: int, generator: Generator) -> Tensor:
    """Middles and sizes anywhere: (N, 4), across and down."""
    draw = torch.rand(n, 4, generator=generator)
    area = _AREA[0] + (_AREA[1] - _AREA[0]) * draw[:, 2]
    aspect = _ASPECT ** (2 * draw[:, 3] - 1)
    return torch.stack([draw[:, 0], draw[:, 1], (area * aspect).sqrt(), (area / aspect).sqrt()], dim=1)


def _distance(size: int, middle: Tensor, length: Tensor) -> Tensor:
    """How far each pixel of a line is from the middle, in half lengths: (N,) -> (N, size)."""
    places = (torch.arange(size, device=middle.device) + 0.5) / size
    return (places - middle[:, None]) * 2 / length[:, None]
