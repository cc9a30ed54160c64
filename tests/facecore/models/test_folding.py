import copy

import pytest
import torch
from torch import nn

from facecore.models import EmbeddingNetwork, Student, resnet18
from facecore.models.folding import folded


def _trained(network: EmbeddingNetwork) -> EmbeddingNetwork:
    """The network with BatchNorms that do something."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval()


@pytest.mark.parametrize(
    "network",
    [
        resnet18(num_classes=0),
        resnet18(num_classes=3, stem="3x3", shortcut="every", embedding_dim=16),
        Student({"a": 8, "b": 4}, {"a": 1.0, "b": 0.5}),
    ],
    ids=["plain", "every option", "student"],
)
def test_the_function_stays_the_same(network: EmbeddingNetwork) -> None:
    network = _trained(network)
    faces = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        expected, found = network.embed(faces), folded(network).embed(faces)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert float(nn.functional.cosine_similarity(found, expected).min()) > 1 - 1e-6


def test_the_network_given_is_not_touched() -> None:
    network = _trained(resnet18(num_classes=0))
    before = copy.deepcopy(network.state_dict())
    result = folded(network)
    assert [name for name, module in result.named_modules() if isinstance(module, nn.BatchNorm2d)] == []
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
