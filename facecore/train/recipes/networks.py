"""The network that a run begins with: fresh, or with the weights of a saved model."""

import argparse
from typing import Any

from facecore import checkpoint
from facecore.config import ModelConfig
from facecore.errors import DataError
from facecore.models import EmbeddingNetwork, Student, build
from facecore.pretrained import find_model

ALIGNMENT = 1  # version of the alignment that facecore.prepare and the shards' crops were made with


def make_network(a: argparse.Namespace) -> tuple[EmbeddingNetwork, ModelConfig]:
    """The network without a last layer, and what config.json will say of it.

    With `--init` the network is that of the model, whatever `--arch` and its like say. A student (the bundled models
    are such) stays one, heads included, so that fine-tuning begins at the embedding that the model has.

    Raises:
        ModelError: the model cannot be used.
    """
    if a.init:
        return _from_model(a)
    arguments: dict[str, Any] = {}
    if a.arch.startswith("resnet"):
        arguments = {"stem": a.stem, "shortcut": a.shortcut, "embedding_dim": a.embedding_dim or None}
    elif a.embedding_dim:
        raise DataError(f"--embedding-dim {a.embedding_dim}: {a.arch} has an embedding of its own width: leave it out")
    network = build(a.arch, {**arguments, "num_classes": 0})
    return network, _config(a, a.arch, arguments)


def _from_model(a: argparse.Namespace) -> tuple[EmbeddingNetwork, ModelConfig]:
    model = checkpoint.load(find_model(a.init))
    if isinstance(model.network, Student):
        return model.network, _config(a, "student", model.network.arguments)
    arguments = {key: value for key, value in model.config.arguments.items() if key != "num_classes"}
    network = build(model.config.architecture, {**arguments, "num_classes": 0})
    state = model.network.state_dict()
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    return network, _config(a, model.config.architecture, arguments)


def _config(a: argparse.Namespace, architecture: str, arguments: dict[str, Any]) -> ModelConfig:
    training = {key: getattr(a, key) for key in ("recipe", "seed", "head", "epochs", "phases", "init")}
    training = {key: str(value) if key == "init" and value else value for key, value in training.items()}
    alignment = ALIGNMENT if a.preset == "aligned" else None
    return ModelConfig(architecture, dict(arguments), a.preset, a.size, alignment, training)


def saved_classifier(
    network: EmbeddingNetwork, linear: tuple[Any, Any], config: ModelConfig, classes: int
) -> tuple[EmbeddingNetwork, ModelConfig]:
    """The network as it is saved: with a last layer that names people, where its architecture has one.

    The last layer of a margin head multiplies the embedding and not its direction, so that its logits differ from the
    head's by a positive factor a face; the order of the classes is the same. A student is saved without.

    Args:
        network: that was trained, without a last layer.
        linear: (C, D) weight and (C,) bias, as `facecore.models.heads` gives them.
        config: of the network.
        classes: number of classes.
    """
    if isinstance(network, Student):
        return network, config
    arguments = {**config.arguments, "num_classes": classes}
    whole = build(config.architecture, arguments)
    state = network.state_dict()
    for name in whole.state_dict().keys() - state.keys():
        state[name] = linear[0] if name.endswith("weight") else linear[1]
    whole.load_state_dict(state)
    filled = ModelConfig(
        config.architecture, arguments, config.preset, config.size, config.alignment, dict(config.training)
    )
    return whole, filled
