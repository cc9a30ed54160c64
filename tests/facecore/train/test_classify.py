"""The objective of classification, and the networks that it saves."""

import argparse

import pytest
import torch
import torch.nn.functional as F

from facecore.config import ModelConfig
from facecore.models import AlexNet, build, resnet18
from facecore.models.heads import make_head
from facecore.train.recipes.classify import Classification
from facecore.train.recipes.networks import make_network, saved_classifier

FACES = torch.rand(6, 3, 64, 64, generator=torch.Generator().manual_seed(0))
KNOWN = torch.tensor([0, 1, 2, 0, 1, 2])
ROWS = torch.arange(6)


def _objective(head: str = "softmax", warmup: int = 0) -> Classification:
    torch.manual_seed(0)
    network = resnet18(num_classes=0, embedding_dim=16)
    return Classification(network, make_head(head, 16, 3), warmup).eval()


def test_the_loss_is_the_cross_entropy_of_the_heads_logits() -> None:
    objective = _objective().requires_grad_(False)
    loss, correct = objective(FACES, KNOWN, ROWS, 0)
    logits = objective.network.embed(FACES) @ objective.head.weight.T + objective.head.bias
    slow = sum(-logits[i].double().log_softmax(0)[label] for i, label in enumerate(KNOWN)) / 6
    assert float(loss) == pytest.approx(float(slow), rel=1e-5)
    assert float(correct) == sum(int(logits[i].argmax()) == int(label) for i, label in enumerate(KNOWN))


def test_the_margin_grows() -> None:
    objective = _objective("arcface", warmup=4).requires_grad_(False)
    losses = [float(objective(FACES, KNOWN, ROWS, step)[0]) for step in (0, 1, 3, 100)]
    assert losses[0] < losses[1] < losses[2] == losses[3]
    assert [objective.margin_share(step) for step in (0, 1, 3, 9)] == [0.25, 0.5, 1, 1]


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("head", ["softmax", "arcface", "cosface", "adaface"])
def test_imprinted_centres_name_the_training_images(head: str, centred: bool) -> None:
    random = torch.Generator().manual_seed(1)
    people = torch.randn(3, 16, generator=random) + 3  # a large part in common
    labels = torch.arange(30) % 3
    embeddings = F.normalize(people[labels] + 0.2 * torch.randn(30, 16, generator=random))
    objective = _objective(head)
    objective.imprint(embeddings, labels, centred)
    assert (objective.head.scores(embeddings - objective.centre).argmax(1) == labels).all()
    assert bool(objective.centre.any()) == centred


def test_imprinted_centres_are_the_means(crops: object) -> None:
    objective = _objective("cosface")
    embeddings = torch.randn(6, 16, generator=torch.Generator().manual_seed(2))
    length = objective.head.weight.detach().norm(dim=1).mean()
    objective.imprint(embeddings, KNOWN, centred=False)
    for label in range(3):
        mean = F.normalize(embeddings[KNOWN.eq(label)]).mean(0)
        torch.testing.assert_close(objective.head.weight[label], length * F.normalize(mean, dim=0))


@pytest.mark.parametrize("head", ["softmax", "cosface"])
@pytest.mark.parametrize("architecture", ["resnet18", "alexnet"])
def test_the_saved_network_names_the_same_people(architecture: str, head: str) -> None:
    torch.manual_seed(0)
    network = build(architecture, {"num_classes": 0})
    objective = Classification(network, make_head(head, network.embedding_dim, 3), 0).eval()
    config = ModelConfig(architecture, {}, "aligned", 64)
    whole, saved = saved_classifier(network, objective.head.linear(), config, 3)
    assert saved.arguments == {"num_classes": 3}
    assert (whole.eval()(FACES).argmax(1) == objective.name(FACES)).all()
    torch.testing.assert_close(whole.embed(FACES), network.embed(FACES))


def _flags(**changes: object) -> argparse.Namespace:
    flags = {
        "init": None, "arch": "resnet18", "stem": "7x7", "shortcut": "every", "embedding_dim": 0, "preset": "aligned",
        "size": 112, "recipe": "best", "seed": 0, "head": "softmax", "epochs": 1, "phases": None,
    }  # fmt: skip
    return argparse.Namespace(**{**flags, **changes})


def test_networks_from_flags() -> None:
    network, config = make_network(_flags(embedding_dim=32))
    assert network.embedding_dim == 32
    assert config.arguments == {"stem": "7x7", "shortcut": "every", "embedding_dim": 32}
    assert config.alignment == 1
    alexnet, config = make_network(_flags(arch="alexnet", preset="reference"))
    assert isinstance(alexnet, AlexNet)
    assert config.alignment is None


def test_the_bundled_model_stays_what_it_is() -> None:
    network, config = make_network(_flags(init="resnet18"))
    assert config.architecture == "student"
    same, saved = saved_classifier(network, (torch.zeros(2, 256), torch.zeros(2)), config, 2)
    assert same is network
    assert saved is config
