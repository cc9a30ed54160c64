"""What distillation minimises: two losses a teacher, and how each teacher is followed.

- the distance to the teacher's embedding of this very face, and
- the match to a bank: the student's face should be as near to each of some thousand other faces as the teacher's
  is. The distances become a softmax over the bank, compared by Kullback-Leibler divergence (relational knowledge as in
  Park et al. 2019, arXiv 1904.05068, in the form of Tejankar et al. 2021, arXiv 2010.10408, section 3).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

TargetLoss = Literal["cosine", "regression"]


@dataclass(frozen=True)
class RegressionLoss:
    """For a teacher whose space is Euclidean: works on standardised embeddings.

    Attributes:
        bandwidth: h^2 of the bank's softmax over -d^2 / h^2, in the standardised space.
    """

    bandwidth: float = 8.0

    def __call__(self, answer: Tensor, target: Tensor, bank: Tensor, known: Tensor | None = None) -> Tensor:
        """The loss of a batch.

        Args:
            answer: (B, D), standardised like all three.
            target: (B, D).
            bank: (K, D).
            known: (B,) bool, the rows that count; None for all.

        Returns:
            A scalar, the mean of the rows that count; 0 where there is none.
        """
        distance = (answer - target).square().mean(1)
        return masked_mean(distance + _divergence(self._logits(answer, bank), self._logits(target, bank)), known)

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

    def __call__(self, answer: Tensor, target: Tensor, bank: Tensor, known: Tensor | None = None) -> Tensor:
        """The loss of a batch, on embeddings in the teacher's own space; arguments as in `RegressionLoss`."""
        answer, target, bank = F.normalize(answer), F.normalize(target), F.normalize(bank)
        distance = 1 - (answer * target).sum(1)
        match = _divergence(self.sharpness * answer @ bank.T, self.sharpness * target @ bank.T)
        return masked_mean(self.weight * distance + match, known)


def masked_mean(values: Tensor, known: Tensor | None) -> Tensor:
    """The mean of (B,) values where `known` (B,) bool says so, 0 where it never does; never asks the device."""
    if known is None:
        return values.mean()
    return values.where(known, 0).sum() / known.sum().clamp(min=1)


def _divergence(answer: Tensor, target: Tensor) -> Tensor:
    """Kullback-Leibler divergence from softmax(target) to softmax(answer), both logits (B, K) -> (B,)."""
    return F.kl_div(answer.log_softmax(1), target.log_softmax(1), reduction="none", log_target=True).sum(1)


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
KINDS: dict[TargetLoss, Teacher] = {
    "cosine": Teacher(weight=1.0, standardise=False, loss=CosineLoss()),
    "regression": Teacher(weight=1.0, standardise=True, loss=RegressionLoss()),
}
"""How any other teacher is followed, by the name of the loss."""


def follow(names: Iterable[str], loss: TargetLoss = "cosine", shards: bool = False) -> dict[str, Teacher]:
    """How the teachers called `names` are followed.

    Args:
        names: of the teachers.
        loss: "cosine" for embeddings spread over the sphere, "regression" for a Euclidean space.
        shards: whether the names are columns of shards, where `TEACHERS` says how those it knows are followed.
    """
    known = TEACHERS if shards else {}
    return {name: known.get(name, KINDS[loss]) for name in names}
