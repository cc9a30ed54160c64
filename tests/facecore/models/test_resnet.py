import pytest
import torch
import torchvision

from facecore.errors import ModelError
from facecore.models import build, resnet18, resnet34


@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
def test_agrees_with_torchvision(name: str) -> None:
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)(num_classes=40).eval()
    for module in theirs.modules():  # fresh statistics would hide a BatchNorm that is out of place
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    ours = build(name, {"num_classes": 40}).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 112, 112)
    with torch.inference_mode():
        pooled = torch.nn.Sequential(*list(theirs.children())[:-1])(x).flatten(1)
        torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(ours.embed(x), pooled, atol=1e-5, rtol=1e-5)
    theirs.load_state_dict(ours.state_dict())


@pytest.mark.parametrize("size", [64, 112, 224])
def test_takes_every_size(size: int) -> None:
    network = resnet18(num_classes=10).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, size, size)).shape == (1, 10)
        assert network.embed(torch.zeros(1, 3, size, size)).shape == (1, 512)


def test_logits_are_the_linear_layer_over_the_embedding() -> None:
    network = resnet18(num_classes=4000, embedding_dim=128).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert network.embed(x).shape == (2, 128)
        assert network(x).shape == (2, 4000)
        assert network.penultimate(x).shape == (2, network.penultimate_dim) == (2, 512)
        torch.testing.assert_close(network(x), network.fc(network.embed(x)))


def test_without_classes_the_output_is_the_embedding() -> None:
    network = resnet18(num_classes=0).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), network.embed(x))


def test_shortcut_every_has_a_projection_in_each_block() -> None:
    every, projection = resnet18(shortcut="every"), resnet18()
    assert sum(name.endswith("downsample.0.weight") for name in every.state_dict()) == 8
    assert sum(name.endswith("downsample.0.weight") for name in projection.state_dict()) == 3
    assert every.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)


def test_small_stem_keeps_the_resolution() -> None:
    network = resnet18(stem="3x3").eval()
    seen: list[tuple[int, ...]] = []
    network.layer1.register_forward_hook(lambda _, inputs, __: seen.append(tuple(inputs[0].shape)))
    network(torch.zeros(1, 3, 112, 112))
    assert seen == [(1, 64, 112, 112)]


@pytest.mark.slow
def test_gradients_reach_every_parameter() -> None:
    network = resnet34(num_classes=5, embedding_dim=16, shortcut="every")
    network(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("wrong", [{"stem": "5x5"}, {"shortcut": "none"}, {"depth": 3}, {"num_classes": "many"}])
def test_arguments_that_are_not_known_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="cannot be built"):
        build("resnet18", wrong)


def test_a_name_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(ModelError, match="resnet18.*resnet34"):
        build("resnet50", {})
