import torch
from torch import nn
from torch.optim import SGD, AdamW

from facecore.train.optimizers import make_adamw, make_optimizer, make_sgd


def _network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


def test_biases_do_not_decay() -> None:
    for kind in ("sgd", "adamw"):
        optimizer = make_optimizer(kind, _network(), 0.9, 0.1)
        shapes = [[tuple(parameter.shape) for parameter in group["params"]] for group in optimizer.param_groups]
        assert shapes == [[(4, 3, 3, 3), (2, 4)], [(4,), (4,), (4,), (2,)]]
        assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0]


def test_sgd_looks_ahead_where_it_has_momentum() -> None:
    assert make_sgd(nn.Linear(2, 2), 0.9, 0.0).param_groups[0]["nesterov"]
    assert not make_sgd(nn.Linear(2, 2), 0.0, 0.0).param_groups[0]["nesterov"]


def test_what_is_frozen_is_left_out() -> None:
    network = _network()
    network[0].requires_grad_(False)
    shapes = [[tuple(p.shape) for p in group["params"]] for group in make_sgd(network, 0.9, 0.1).param_groups]
    assert shapes == [[(2, 4)], [(4,), (4,), (2,)]]


def test_the_kind_is_what_was_asked_for() -> None:
    assert isinstance(make_optimizer("sgd", _network(), 0.9, 0.1), SGD)
    assert isinstance(make_optimizer("adamw", _network(), 0.9, 0.1), AdamW)


def test_adamw_steps_as_its_paper_says() -> None:
    """Algorithm 2 of Loshchilov and Hutter (2019), written out, against three steps."""
    torch.manual_seed(0)
    layer = nn.Linear(3, 2, bias=False)
    rate, beta1, beta2, decay = 0.01, 0.8, 0.999, 0.1
    optimizer = make_adamw(layer, beta1, decay)
    optimizer.param_groups[0]["lr"] = rate
    weight = layer.weight.detach().double()
    first, second = torch.zeros_like(weight), torch.zeros_like(weight)
    for step in range(1, 4):
        gradient = torch.randn(2, 3)
        layer.weight.grad = gradient.clone()
        optimizer.step()
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient.square()
        corrected = (first / (1 - beta1**step), second / (1 - beta2**step))
        weight = weight - rate * (corrected[0] / (corrected[1].sqrt() + 1e-8) + decay * weight)
    torch.testing.assert_close(layer.weight.detach(), weight.float(), atol=1e-6, rtol=1e-5)
