"""Convolutions over small maps as matrix products, which training on a processor with matrix units takes faster.

In a step of ResNet-18 at 112 px, batch 64, in bfloat16 with matrix units (AMX), oneDNN spent 380 of 710 ms on the last
stage, whose maps are 4x4 (its own log, ONEDNN_VERBOSE=1); most likely since a row of four positions leaves the units
mostly empty. The same convolution as one product over all positions of the batch is faster (unfolding: Chellapilla et
al. 2006, "High Performance Convolutional Neural Networks for Document Processing").
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOST_POSITIONS = 16  # of the map that comes out; with 7x7 too, two timings of a step were 0.8 and 1.1 times as fast


def take_small_maps_as_products(network: nn.Module, device: torch.device, autocast: torch.dtype | None) -> int:
    """Let the convolutions of a network that is trained take small maps as matrix products, where that is faster.

    That is on a processor with matrix units for bfloat16 that computes in it. Weights, their names and what is
    computed stay as they are, up to rounding.

    Args:
        network: changed in place.
        device: where it is trained.
        autocast: type of the convolutions, None for float32.

    Returns:
        The number of convolutions that can do so.
    """
    if device.type != "cpu" or autocast is not torch.bfloat16 or not torch.cpu.get_capabilities().get("amx_bf16"):
        return 0
    suitable = [one for one in network.modules() if type(one) is nn.Conv2d and _is_plain(one)]
    for one in suitable:
        one.__class__ = SmallMapConvolution
    return len(suitable)


def _is_plain(one: nn.Conv2d) -> bool:
    ordinary = one.groups == 1 and one.dilation == (1, 1) and one.padding_mode == "zeros"
    return ordinary and not isinstance(one.padding, str)


class SmallMapConvolution(nn.Conv2d):
    """A convolution that is a matrix product where gradients are kept and at most 16 positions come out."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W) to (N, C', H', W')."""
        height, width = (self._reach(x.shape[2 + axis], axis) for axis in (0, 1))
        small = min(height, width) > 0 and height * width <= MOST_POSITIONS
        if not small or not torch.is_grad_enabled():
            return super().forward(x)
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))  # else what is laid side by side is cast, nine times as much
        top, left = (int(padding) for padding in self.padding)
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, left, left, top, top))
        down, right = self.stride
        patches = torch.cat(
            [
                padded[:, row : row + (height - 1) * down + 1 : down, column : column + (width - 1) * right + 1 : right]
                for row in range(self.kernel_size[0])
                for column in range(self.kernel_size[1])
            ],
            dim=-1,
        )
        weight = self.weight.permute(0, 2, 3, 1).reshape(self.out_channels, -1)
        return F.linear(patches, weight, self.bias).permute(0, 3, 1, 2)

    def _reach(self, size: int, axis: int) -> int:
        """Positions that come out along an axis."""
        return (size + 2 * int(self.padding[axis]) - self.kernel_size[axis]) // self.stride[axis] + 1
