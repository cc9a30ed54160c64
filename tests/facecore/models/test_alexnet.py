import pytest
import torch
import torchvision

from facecore.errors import ModelError
from facecore.models import AlexNet, build


@pytest.fixture(scope="module")
def network() -> AlexNet:
    """One for all tests: 57 million weights take a while to draw."""
    torch.manual_seed(0)
    made = build("alexnet", {"num_classes": 7}).eval()
    assert isinstance(made, AlexNet)
    return made


def test_agrees_with_torchvision(network: AlexNet) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.alexnet(num_classes=7).eval()
    theirs.load_state_dict(network.state_dict(), assign=True)
    x = torch.randn(2, 3, 112, 112)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), theirs(x))
        features = theirs.classifier[:-1](theirs.avgpool(theirs.features(x)).flatten(1))
        torch.testing.assert_close(network.embed(x), features)


@pytest.mark.parametrize("size", [64, 112, 224])
def test_takes_every_size(network: AlexNet, size: int) -> None:
    x = torch.randn(1, 3, size, size)
    with torch.inference_mode():
        assert network.embed(x).shape == (1, network.embedding_dim) == (1, 4096)
        torch.testing.assert_close(network(x), network.classifier[6](network.embed(x)))


def test_without_classes_the_output_is_the_embedding_and_only_the_last_layer_is_gone(network: AlexNet) -> None:
    with torch.device("meta"):
        bare = build("alexnet", {"num_classes": 0}).eval()
    state = network.state_dict()
    assert state.keys() - bare.state_dict().keys() == {"classifier.6.weight", "classifier.6.bias"}
    bare.load_state_dict({name: state[name] for name in bare.state_dict()}, assign=True)
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(bare(x), network.embed(x))
        torch.testing.assert_close(bare.embed(x), network.embed(x))


def test_drops_features_in_training_alone() -> None:
    with torch.device("meta"):
        network = build("alexnet", {"num_classes": 3, "dropout": 0.25})
    drops = [module for module in network.modules() if isinstance(module, torch.nn.Dropout)]
    assert [drop.p for drop in drops] == [0.25, 0.25]


@pytest.mark.parametrize("wrong", [{"dropout": 1.5}, {"stem": "3x3"}, {"num_classes": "many"}])
def test_arguments_that_are_not_known_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="'alexnet' cannot be built"), torch.device("meta"):
        build("alexnet", wrong)
