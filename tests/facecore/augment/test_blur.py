import math

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from facecore.augment import blur


def test_gaussian_is_that_of_scipy_with_a_strength_for_each_face(shown: Tensor) -> None:
    sigma = torch.tensor([0.6, 1.5])
    out = blur.gaussian(shown[:2], sigma, largest=1.5)
    for face, strength, result in zip(shown, sigma.tolist(), out, strict=False):
        slow = ndimage.gaussian_filter(face.numpy(), (0, strength, strength), mode="nearest", radius=(0, 5, 5))
        np.testing.assert_allclose(result.numpy(), slow, atol=1e-5)


def test_motion_is_the_mean_of_many_moved_copies(shown: Tensor) -> None:
    length, angle = torch.tensor([3.0, 7.0]), torch.tensor([0.3, 2.0])
    part = shown[:2, :, 30:80, 30:80]
    out = blur.motion(part, length, angle, largest=7.0)
    for face, pixels, turn, result in zip(part, length.tolist(), angle.tolist(), out, strict=True):
        steps = pixels * ((np.arange(100) + 0.5) / 100 - 0.5)
        copies = [
            ndimage.shift(face.numpy(), (0, t * math.sin(turn), t * math.cos(turn)), order=1, mode="nearest")
            for t in steps
        ]
        np.testing.assert_allclose(result.numpy(), np.mean(copies, axis=0), atol=0.01)
        assert np.abs(result.numpy() - np.mean(copies, axis=0)).mean() < 1e-3


def test_motion_blurs_along_its_line_alone() -> None:
    stripes = torch.zeros(1, 3, 32, 32)
    stripes[..., ::4] = 1
    zero, right = torch.zeros(1), torch.full((1,), math.pi / 2)
    torch.testing.assert_close(blur.motion(stripes, torch.tensor([7.0]), right, 7.0), stripes, atol=1e-5, rtol=0)
    across = blur.motion(stripes, torch.tensor([7.0]), zero, 7.0)[..., 8:-8]
    assert across.max() - across.min() < 0.2


def test_shrink_keeps_what_is_coarse_and_loses_what_is_fine(shown: Tensor) -> None:
    out = blur.shrink(shown, 0.25)
    assert out.shape == shown.shape
    coarse = torch.nn.functional.avg_pool2d(shown, 16)
    assert (torch.nn.functional.avg_pool2d(out, 16) - coarse).abs().mean() < 0.02
    assert out.diff(dim=3).abs().mean() < 0.7 * shown.diff(dim=3).abs().mean()
