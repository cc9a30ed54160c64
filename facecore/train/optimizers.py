"""What turns gradients into steps."""

from collections.abc import Callable
from typing import Any, Literal, get_args

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

Kind = Literal["sgd", "adamw"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SECOND_MOMENT = 0.999  # decay of AdamW's mean of squared gradients (Kingma and Ba 2015, arXiv 1412.6980, section 2)


def make_sgd(module: nn.Module, momentum: float, weight_decay: float) -> SGD:
    """SGD with Nesterov momentum (Sutskever et al. 2013) that decays matrices and kernels, not biases and BatchNorm."""
    groups = _groups(module, weight_decay)
    return SGD(groups, lr=0.0, momentum=momentum, nesterov=momentum > 0, fused=True)


def make_adamw(module: nn.Module, momentum: float, weight_decay: float) -> AdamW:
    """AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2) that decays what `make_sgd` decays.

    Args:
        module: whose parameters it moves.
        momentum: decay of the mean of gradients, in 0..1 (beta 1).
        weight_decay: share of a weight that is lost in a step, times the learning rate.
    """
    return AdamW(_groups(module, weight_decay), lr=0.0, betas=(momentum, SECOND_MOMENT), fused=True)


def make_optimizer(kind: Kind, module: nn.Module, momentum: float, weight_decay: float) -> Optimizer:
    """The optimiser called `kind`; its learning rate is set by whoever takes the steps."""
    make: dict[Kind, Callable[[nn.Module, float, float], Optimizer]] = {"sgd": make_sgd, "adamw": make_adamw}
    return make[kind](module, momentum, weight_decay)


def _groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices and kernels with decay, biases and BatchNorm without; what is frozen is left out."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
