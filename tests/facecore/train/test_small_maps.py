import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from facecore.models import resnet18
from facecore.train import small_maps
from facecore.train.small_maps import SmallMapConvolution, take_small_maps_as_products

CPU = torch.device("cpu")


@pytest.fixture
def matrix_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor says that it has matrix units: what is computed does not depend on them."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size", "bias"),
    [
        (3, 1, 1, (4, 4), False),
        (3, 2, 1, (7, 7), False),
        (1, 2, 0, (7, 7), True),
        ((3, 2), (2, 1), (0, 1), (7, 3), True),
        (3, 1, 0, (5, 6), False),
        (3, 1, 1, (1, 1), False),
    ],
)
@pytest.mark.usefixtures("matrix_units")
def test_values_and_gradients_are_those_of_a_convolution(
    kernel: int | tuple[int, int],
    stride: int | tuple[int, int],
    padding: int | tuple[int, int],
    size: tuple[int, int],
    bias: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(5, 7, kernel, stride, padding, bias=bias).double()
    other = copy.deepcopy(plain)
    assert take_small_maps_as_products(nn.Sequential(other), CPU, torch.bfloat16) == 1
    products = []
    linear = F.linear
    monkeypatch.setattr(small_maps.F, "linear", lambda *a: products.append(1) or linear(*a))
    faces = torch.randn(3, 5, *size, dtype=torch.float64, requires_grad=True)
    weight = None
    found = []
    for one in (plain, other):
        answer = one(faces)
        weight = torch.randn_like(answer) if weight is None else weight
        found.append([answer, *torch.autograd.grad((answer * weight).sum(), [faces, *one.parameters()])])
    assert products == [1]
    assert found[0][0].shape[2] * found[0][0].shape[3] <= 16
    for expected, computed in zip(*found, strict=True):
        torch.testing.assert_close(computed, expected)


@pytest.mark.usefixtures("matrix_units")
def test_a_network_keeps_its_weights_and_its_answers() -> None:
    torch.manual_seed(0)
    plain = resnet18(num_classes=4).to(memory_format=torch.channels_last).train()
    other = copy.deepcopy(plain)
    assert take_small_maps_as_products(other, CPU, torch.bfloat16) == 20
    assert other.state_dict().keys() == plain.state_dict().keys()
    faces = torch.randn(4, 3, 112, 112).contiguous(memory_format=torch.channels_last)
    answers = []
    for network in (plain, other):
        with torch.autocast("cpu", torch.bfloat16):
            answers.append(network(faces).float())
        answers[-1].square().sum().backward()
    torch.testing.assert_close(answers[1], answers[0], atol=0.05, rtol=0.05)
    for (name, first), (_, second) in zip(plain.named_parameters(), other.named_parameters(), strict=True):
        assert first.grad is not None
        assert second.grad is not None
        cosine = F.cosine_similarity(first.grad.flatten(), second.grad.flatten(), dim=0)
        assert cosine > 0.98, name
    plain.load_state_dict(other.state_dict())
    with torch.inference_mode():
        assert torch.equal(other.eval()(faces), plain.eval()(faces))


@pytest.mark.usefixtures("matrix_units")
def test_large_maps_and_evaluation_stay_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    one = nn.Conv2d(3, 4, 3, padding=1)
    take_small_maps_as_products(nn.Sequential(one), CPU, torch.bfloat16)
    monkeypatch.setattr(small_maps.F, "linear", lambda *_: pytest.fail("taken as a product"))
    one(torch.randn(2, 3, 4, 5))
    with torch.no_grad():
        one(torch.randn(2, 3, 4, 4))
    with pytest.raises(RuntimeError, match="size"):
        one(torch.randn(2, 3, 0, 4))


@pytest.mark.usefixtures("matrix_units")
def test_only_where_it_is_faster_and_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    unusual = nn.Sequential(
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding="valid"),
        nn.Linear(4, 4),
    )
    assert take_small_maps_as_products(unusual, CPU, torch.bfloat16) == 0
    plain = nn.Sequential(nn.Conv2d(4, 4, 3))
    assert take_small_maps_as_products(plain, CPU, None) == 0
    assert take_small_maps_as_products(plain, torch.device("cuda"), torch.bfloat16) == 0
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert take_small_maps_as_products(plain, CPU, torch.bfloat16) == 0
    assert not isinstance(plain[0], SmallMapConvolution)
