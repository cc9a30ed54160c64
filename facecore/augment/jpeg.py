"""JPEG compression of a whole batch at once, each face at a quality of its own, on any device.

Only what loses something is done: colours to YCbCr, half the resolution of the colour differences, the cosine transform
of blocks of 8 x 8, division by the quantisation tables, rounding, and all the way back. The coding of the rounded
numbers loses nothing and is left out. torchvision's `jpeg` does the same by libjpeg, one picture after the other and on
the processor only; it would stop a GPU in each step.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# ITU-T T.81 (1992), tables K.1 (luminance) and K.2 (chrominance).
_LUMINANCE = """
    16 11 10 16  24  40  51  61
    12 12 14 19  26  58  60  55
    14 13 16 24  40  57  69  56
    14 17 22 29  51  87  80  62
    18 22 37 56  68 109 103  77
    24 35 55 64  81 104 113  92
    49 64 78 87 103 121 120 101
    72 92 95 98 112 100 103  99
"""
_CHROMINANCE = """
    17 18 24 47 99 99 99 99
    18 21 26 66 99 99 99 99
    24 26 56 99 99 99 99 99
    47 66 99 99 99 99 99 99
    99 99 99 99 99 99 99 99
    99 99 99 99 99 99 99 99
    99 99 99 99 99 99 99 99
    99 99 99 99 99 99 99 99
"""
_TABLES = torch.tensor([int(word) for word in (_LUMINANCE + _CHROMINANCE).split()]).view(2, 8, 8)

# ITU-T T.871 (2011), section 7: RGB to YCbCr and back, with the luma of ITU-R BT.601.
_TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
_TO_RGB = torch.linalg.inv(_TO_YCC.double()).float()

_PLACES = torch.arange(8, dtype=torch.float64)
# ITU-T T.81, section A.3.3: row u holds the u-th cosine, scaled so that the matrix is orthogonal.
_SCALES = torch.tensor([0.5 / math.sqrt(2)] + [0.5] * 7, dtype=torch.float64)
_COSINES = (_SCALES[:, None] * torch.cos((2 * _PLACES + 1) * _PLACES[:, None] * math.pi / 16)).float()


def compress(x: Tensor, quality: Tensor) -> Tensor:
    """Faces as they come back from a JPEG file with half the colour resolution (4:2:0), as most are.

    Args:
        x: (N, 3, H, W) float32 RGB in 0..1.
        quality: (N,) integers 1..100 on the CPU, on the scale of the Independent JPEG Group's library, which Pillow has
            too.

    Returns:
        (N, 3, H, W) float32 in 0..1, not rounded to 256 levels.
    """
    height, width = x.shape[-2:]
    # Blocks of 8 at half the resolution are 16 wide. The border is repeated, as libjpeg does it.
    padded = F.pad(x, (0, -width % 16, 0, -height % 16), mode="replicate")
    tables = quantisation(quality).to(x.device, x.dtype, non_blocking=True)
    ycc = _matrix(padded, _TO_YCC * 255)
    luma = _quantise(ycc[:, :1] - 128, tables[:, :1]) + 128
    chroma = _quantise(F.avg_pool2d(ycc[:, 1:], 2), tables[:, 1:])
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear")
    rgb = _matrix(torch.cat([luma, chroma], dim=1), _TO_RGB / 255)
    return rgb[..., :height, :width].clamp_(0, 1)


def quantisation(quality: Tensor) -> Tensor:
    """The tables for luminance and chrominance: (N,) integers 1..100 -> (N, 2, 8, 8) integers 1..255.

    Scaled as in jcparams.c of the Independent JPEG Group's library.
    """
    scale = torch.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return ((_TABLES * scale[:, None, None, None] + 50) // 100).clamp(1, 255)


def _matrix(x: Tensor, matrix: Tensor) -> Tensor:
    """(N, 3, H, W), each pixel's three values multiplied by a matrix (3, 3)."""
    return (matrix.to(x.device, non_blocking=True) @ x.flatten(2)).view(x.shape)


def _quantise(x: Tensor, tables: Tensor) -> Tensor:
    """(N, C, H, W) through the cosine transform, quantised by (N, 1, 8, 8), and back."""
    n, channels, height, width = x.shape
    cosines = _COSINES.to(x.device, non_blocking=True)
    down, across = (n, channels, height // 8, 8, width), (n, channels, height // 8, 8, width // 8, 8)
    table = tables[:, :, None, :, None, :]
    coefficients = (cosines @ x.reshape(down)).view(across) @ cosines.T
    kept = coefficients.div_(table).round_().mul_(table)
    return (cosines.T @ (kept @ cosines).view(down)).view(x.shape)
