"""Distillation: a small network learns to answer what larger ones answered for the same faces.

Two losses a teacher, added up:

- the distance to the teacher's embedding of this very face, and
- the match to a bank: the student's face should be as near to each of some thousand other faces as the teacher's
  is. The distances become a softmax over the bank, compared by Kullback-Leibler divergence (relational knowledge as in
  Park et al. 2019, arXiv 1904.05068, in the form of Tejankar et al. 2021, arXiv 2010.10408, section 3).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from facecore.augment import Augmentation
from facecore.data.parquet import FaceShards
from facecore.data.samplers import shuffled_rows
from facecore.models import Student
from facecore.models.resnet import Stem
from facecore.models.student import Backbone
from facecore.train.state import step_generator
from facecore.transforms import Preset


@dataclass(frozen=True)
class RegressionLoss:
    """For a teacher whose space is Euclidean: works on standardised embeddings.

    Attributes:
        bandwidth: h^2 of the bank's softmax over -d^2 / h^2, in the standardised space.
    """

    bandwidth: float = 8.0

    def __call__(self, answer: Tensor, target: Tensor, bank: Tensor) -> Tensor:
        """The loss of a batch: answer (B, D), target (B, D), bank (K, D), all standardised -> scalar."""
        distance = (answer - target).square().mean()
        return distance + _match(self._logits(answer, bank), self._logits(target, bank))

    def _logits(self, x: Tensor, bank: Tensor) -> Tensor:
        # -|x - b|^2 without its part |x|^2, which is the same for the whole row and leaves the softmax as it is.
        return (2 * x @ bank.T - bank.square().sum(1)) / self.bandwidth


@dataclass(frozen=True)
class CosineLoss:
    """For a teacher whose embeddings lie well spread on the sphere.

    Attributes:
        weight: of the distance 1 - cosine.
        sharpness: factor on the cosines in the bank's softmax.
    """

    weight: float = 4.0
    sharpness: float = 16.0

    def __call__(self, answer: Tensor, target: Tensor, bank: Tensor) -> Tensor:
        """The loss of a batch: answer (B, D), target (B, D), bank (K, D) in the teacher's own space -> scalar."""
        answer, target, bank = F.normalize(answer), F.normalize(target), F.normalize(bank)
        distance = 1 - (answer * target).sum(1).mean()
        return self.weight * distance + _match(self.sharpness * answer @ bank.T, self.sharpness * target @ bank.T)


def _match(answer: Tensor, target: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence from softmax(target) to softmax(answer), both logits (B, K)."""
    return F.kl_div(answer.log_softmax(1), target.log_softmax(1), reduction="batchmean", log_target=True)


@dataclass(frozen=True)
class Teacher:
    """How one teacher is followed.

    Attributes:
        weight: of its part in the embedding, see `Student`.
        standardise: whether the loss works on standardised embeddings (minus the mean, one common scale).
        loss: of a batch.
    """

    weight: float
    standardise: bool
    loss: RegressionLoss | CosineLoss


# The mixture 2 : 1 was the best for the teachers themselves on the fit half of the verification pairs.
TEACHERS: dict[str, Teacher] = {
    "teacher": Teacher(weight=2.0, standardise=True, loss=RegressionLoss()),
    "teacher2": Teacher(weight=1.0, standardise=False, loss=CosineLoss()),
}


def make_student(targets: Mapping[str, np.ndarray], backbone: Backbone = "resnet18", stem: Stem = "7x7") -> Student:
    """A fresh student, its heads set to the mean and the scale of the teachers' embeddings.

    Args:
        targets: (N, D) float32 by the teacher's name.
        backbone: see `Student`.
        stem: see `ResNet`.
    """
    dims = {name: target.shape[1] for name, target in targets.items()}
    student = Student(dims, {name: TEACHERS[name].weight for name in targets}, backbone, stem)
    for name, target in targets.items():
        if TEACHERS[name].standardise:
            head, mean = student.head(name), target.mean(0)
            head.mean.copy_(torch.from_numpy(mean))
            head.scale.fill_(float((target - mean).std()))
    return student


def distillation_loss(
    student: Student, faces: Tensor, rows: Tensor, targets: Mapping[str, Tensor], bank_size: int, generator: Generator
) -> Tensor:
    """The loss of one batch.

    Args:
        student: in training mode.
        faces: (B, 3, H, W) float, normalised.
        rows: (B,) int64, where the faces' targets stand.
        targets: (N, D) float32 of every face, by the teacher's name; the bank is drawn from them.
        bank_size: faces in the bank.
        generator: draws the bank.

    Returns:
        A scalar, float32.
    """
    device = faces.device
    parts = student.parts(faces)
    total = faces.new_zeros(())
    with torch.autocast(device.type, enabled=False):
        for name, target in targets.items():
            members = torch.randint(len(target), (bank_size,), generator=generator).to(device)
            rows_of = {"target": target[rows], "bank": target[members]}
            head, answer = student.head(name), parts[name]
            if TEACHERS[name].standardise:
                rows_of = {key: head.standardise(value) for key, value in rows_of.items()}
            else:
                answer = head.raw(answer)
            total = total + TEACHERS[name].loss(answer, rows_of["target"], rows_of["bank"])
    return total


class Distillation:
    """The recipe on data held in memory: gives the loss of any step.

    Args:
        shards: decoded faces and their targets.
        device: where faces, targets and augmentation live; the faces take 38 kB each.
        preset: how the student's input is normalised.
        augmentation: of the faces.
        bank_size: faces in the bank of a step.
        batch_size: faces in a step.
        seed: of order, augmentation and banks.
    """

    def __init__(
        self,
        shards: FaceShards,
        device: torch.device,
        preset: Preset,
        augmentation: Augmentation,
        bank_size: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self.images = torch.from_numpy(shards.images).permute(0, 3, 1, 2).to(device)
        self.targets = {name: torch.from_numpy(target).to(device) for name, target in shards.targets.items()}
        self.preset = preset
        self.augmentation = augmentation
        self.bank_size = bank_size
        self.batch_size = batch_size
        self.seed = seed

    def loss(self, student: Student, step: int, size: int) -> Tensor:
        """The loss of one step at one input size, a scalar; a function of its arguments and the seed alone."""
        generator = step_generator(self.seed, step)
        order = shuffled_rows(len(self.images), self.batch_size, step, self.seed)
        rows = torch.from_numpy(order).to(self.images.device)
        faces = self.augmentation(self.images[rows], size, generator)
        return distillation_loss(student, self.preset.normalise(faces), rows, self.targets, self.bank_size, generator)
