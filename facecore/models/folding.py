"""BatchNorm folded into the layer before it: the same function at inference, with fewer passes over memory.

In evaluation mode a BatchNorm is a fixed scale and shift for each channel, which the convolution before it can take
into its weights and bias (Jacob et al. 2017, arXiv 1712.05877, section 3.2).
"""

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

Network = TypeVar("Network", bound=nn.Module)

PAIRS = (("conv1", "bn1"), ("conv2", "bn2"))  # attributes of ResNet and its blocks


def folded(network: Network) -> Network:
    """A copy for inference without the BatchNorms that follow a convolution or a linear layer.

    Args:
        network: in evaluation mode; stays as it is. BatchNorms are found in `nn.Sequential` and in the attributes that
            `PAIRS` names; others stay and are still right.
    """
    result = copy.deepcopy(network).eval()
    for module in result.modules():
        for layer, norm in PAIRS:
            if hasattr(module, layer) and hasattr(module, norm):
                _fold(module, layer, norm)
        if isinstance(module, nn.Sequential):
            names = [name for name, _ in module.named_children()]
            for layer, norm in pairwise(names):
                _fold(module, layer, norm)
    return result


def _fold(parent: nn.Module, layer: str, norm: str) -> None:
    first, second = parent.get_submodule(layer), parent.get_submodule(norm)
    if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
        setattr(parent, layer, fuse_conv_bn_eval(first, second))
    elif isinstance(first, nn.Linear) and isinstance(second, nn.BatchNorm1d):
        setattr(parent, layer, fuse_linear_bn_eval(first, second))
    else:
        return
    setattr(parent, norm, nn.Identity())
