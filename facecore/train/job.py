"""What a recipe hands to the run: the loss, the data, and what to do with the network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from facecore.data.pictures import Pictures
from facecore.models import EmbeddingNetwork
from facecore.train.batches import Augment, Sampler
from facecore.train.state import Progress
from facecore.transforms import Preset


@dataclass(frozen=True)
class Figures:
    """What a validation found; None where it was not measured.

    Attributes:
        accuracy: share of validation images whose person was named rightly, in 0..1.
        auc: area under the ROC curve of the verification pairs, in 0..1.
    """

    accuracy: float | None = None
    auc: float | None = None

    def best_by(self, name: str) -> float | None:
        """The figure that chooses the best model: the one asked for, else the other."""
        first, second = (self.auc, self.accuracy) if name == "verification_auc" else (self.accuracy, self.auc)
        return second if first is None else first


@dataclass(frozen=True)
class Job:
    """A recipe at work on some data.

    Attributes:
        objective: (faces, labels, rows, step) -> (mean loss, number of correct answers); holds network and head.
        network: the part of the objective that is saved.
        pictures: what to train on.
        make_sampler: batch size -> which rows a step takes.
        preset: how the network's input is made; its size is the one that the model will have.
        augment: changes faces at random; None only resizes.
        save: writes a model directory, given where, and what the training was.
        validate: measures the network as it is; None where there is nothing to measure on.
        finish: after the last step, in the main process alone: given the run's folder.
    """

    objective: nn.Module
    network: EmbeddingNetwork
    pictures: Pictures
    make_sampler: Callable[[int], Sampler]
    preset: Preset
    augment: Augment | None
    save: Callable[[Path, Progress], None]
    validate: Callable[[], Figures] | None
    finish: Callable[[Path], None]
