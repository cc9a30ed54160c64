"""Heads that turn embeddings into class logits while a network learns to tell people apart.

With a margin, the angle between an embedding and the centre of its class must be smaller than softmax would ask for,
which draws the photos of a person together. Only the embedding is kept when training is done; `linear` gives the plain
linear layer that names the same classes.
"""

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEADS = ("softmax", "arcface", "cosface", "adaface")

SCALE = 32.0
"""Length of the logits of margin heads. Wang et al. 2018 (section 3.3) bound it from below by
(C - 1) / C * log((C - 1) * P / (1 - P)): 17.5 for C = 4,000 classes and a probability of P = 0.9999 at the centre of a
class. The papers take 64 for ten thousands of people; smaller sets are fitted with less."""

# A cosine's distance from 1 in float32 is 0 or at least 6e-8: below this the sine has no digits, and no slope.
_SMALLEST_SQUARED_SINE = 1e-7


class Head(nn.Module, ABC):
    """What every head can do: `head(embedding, labels, margin_share)` gives the logits of the loss.

    All of it is computed in float32, also under autocast: bfloat16 has no digits for angles under 5 degrees.
    """

    @abstractmethod
    def forward(self, embedding: Tensor, labels: Tensor, margin_share: float = 1.0) -> Tensor:
        """Logits to train on.

        Args:
            embedding: (N, D) float, of any length.
            labels: (N,) int64; -1 where unknown, and no margin is applied there.
            margin_share: 0..1, how much of the margin holds: raised from 0, which is plain softmax, over the first
                steps, it lets a fresh network find the directions of the classes before they are made narrow.

        Returns:
            (N, C) float32.

        Raises:
            ValueError: `margin_share` is out of range.
        """

    @abstractmethod
    def scores(self, embedding: Tensor) -> Tensor:
        """Logits without a margin, the largest for the class that is named: (N, D) float -> (N, C) float32."""

    @abstractmethod
    def imprint(self, centres: Tensor) -> None:
        """Begin at given centres instead of random ones: (C, D) float, the mean embedding of each class."""

    @abstractmethod
    def linear(self) -> tuple[Tensor, Tensor]:
        """Weight (C, D) and bias (C,) of a linear layer over embeddings that names the same classes, float32."""


class SoftmaxHead(Head):
    """A linear layer with fresh weights as those of `nn.Linear`; nothing is normalised and there is no margin.

    Args:
        embedding_dim: D.
        classes: C.
    """

    def __init__(self, embedding_dim: int, classes: int) -> None:
        super().__init__()
        layer = nn.Linear(embedding_dim, classes)
        self.weight = layer.weight
        self.bias = layer.bias

    def forward(self, embedding: Tensor, labels: Tensor, margin_share: float = 1.0) -> Tensor:
        """See `Head.forward`; labels and margin change nothing."""
        return self.scores(embedding)

    def scores(self, embedding: Tensor) -> Tensor:
        """See `Head.scores`."""
        with torch.autocast(embedding.device.type, enabled=False):
            return F.linear(embedding.float(), self.weight, self.bias)

    def imprint(self, centres: Tensor) -> None:
        """See `Head.imprint`: the class of the nearest centre gets the largest logit."""
        with torch.no_grad():
            self.weight.copy_(centres)
            self.bias.copy_(-centres.square().sum(1) / 2)  # |x - c|^2 = |x|^2 - 2 (x c - |c|^2 / 2)

    def linear(self) -> tuple[Tensor, Tensor]:
        """See `Head.linear`: copies of its own weight and bias."""
        return self.weight.detach().clone(), self.bias.detach().clone()


class MarginHead(Head):
    """Logits from the angles between embeddings and class centres; the lengths of both do not count.

    With several sub-centres a class has the cosine of its nearest one (Deng et al. 2020, "Sub-center ArcFace", ECCV,
    section 3.2), so that wrongly labelled photos gather at a centre of their own.

    Args:
        embedding_dim: D.
        classes: C.
        margin: in degrees, 0..90; for CosFace a cosine, 0..1. None takes the head's own default.
        scale: of the cosines.
        subcentres: K centres a class.

    Raises:
        ValueError: an argument is out of range.
    """

    wins: Tensor
    default_margin: float
    largest_margin = 90.0
    margin_unit = " degrees"

    def __init__(
        self,
        embedding_dim: int,
        classes: int,
        margin: float | None = None,
        scale: float = SCALE,
        subcentres: int = 1,
    ) -> None:
        super().__init__()
        margin = self.default_margin if margin is None else margin
        if not 0 <= margin <= self.largest_margin:
            raise ValueError(f"margin {margin}: give 0 to {self.largest_margin:g}{self.margin_unit}")
        if not 0 < scale < math.inf:
            raise ValueError(f"scale {scale}: give a number above 0, such as {SCALE:g}")
        if subcentres < 1:
            raise ValueError(f"subcentres {subcentres}: give 1 or more")
        self.margin = margin
        self.scale = scale
        self.classes = classes
        self.subcentres = subcentres
        # The directions matter. The length sets how fast they turn; 0.01 is that of insightface's arcface_torch.
        self.weight = nn.Parameter(torch.randn(classes * subcentres, embedding_dim) * 0.01)
        self.register_buffer("wins", torch.zeros(classes, subcentres, dtype=torch.int64))

    def forward(self, embedding: Tensor, labels: Tensor, margin_share: float = 1.0) -> Tensor:
        """See `Head.forward`: `scale` times the cosines, the one of the true class made smaller by the margin."""
        if not 0 <= margin_share <= 1:
            raise ValueError(f"margin_share {margin_share}: give 0 (no margin) to 1 (all of it)")
        with torch.autocast(embedding.device.type, enabled=False):
            embedding = embedding.float()
            cosines, winners = self._nearest(embedding)
            known = labels >= 0
            column = labels.clamp(min=0).unsqueeze(1)
            self._count(winners.gather(1, column).squeeze(1), column.squeeze(1), known)
            true = cosines.gather(1, column).squeeze(1).clamp(-1, 1)
            smaller = self._apply_margin(true, embedding.detach().norm(dim=1), known, margin_share)
            return self.scale * cosines.scatter(1, column, torch.where(known, smaller, true).unsqueeze(1))

    def cosines(self, embedding: Tensor) -> Tensor:
        """Cosines of embeddings and classes, without margin or scale: (N, D) float -> (N, C) float32."""
        with torch.autocast(embedding.device.type, enabled=False):
            return self._nearest(embedding.float())[0]

    def scores(self, embedding: Tensor) -> Tensor:
        """See `Head.scores`: `scale` times the cosines."""
        return self.scale * self.cosines(embedding)

    @torch.no_grad()
    def imprint(self, centres: Tensor) -> None:
        """See `Head.imprint`: the length stays that of fresh centres; sub-centres begin a little apart."""
        length = self.weight.norm(dim=1).mean()
        several = F.normalize(centres).repeat_interleave(self.subcentres, 0)
        if self.subcentres > 1:
            several = F.normalize(several + 0.1 * F.normalize(self.weight))
        self.weight.copy_(length * several)

    @torch.no_grad()
    def linear(self) -> tuple[Tensor, Tensor]:
        """See `Head.linear`: rows of length `scale` and no bias.

        Of several sub-centres it takes the one that was nearest most often in training (section 3.3 of Sub-center
        ArcFace); the classes named are then the same only where that one is the nearest.
        """
        centres = F.normalize(self.weight.float()).view(self.classes, self.subcentres, -1)
        dominant = self.wins.argmax(1)
        rows = centres[torch.arange(self.classes, device=centres.device), dominant]
        return self.scale * rows, rows.new_zeros(self.classes)

    @abstractmethod
    def _apply_margin(self, true: Tensor, lengths: Tensor, known: Tensor, share: float) -> Tensor:
        """Cosines (N,) in -1..1 of the true classes, made smaller; `lengths` (N,) are those of the embeddings."""

    def _nearest(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        cosines = F.linear(F.normalize(embedding), F.normalize(self.weight))
        nearest = cosines.view(len(cosines), self.classes, self.subcentres).max(2)
        return nearest.values, nearest.indices

    @torch.no_grad()
    def _count(self, winners: Tensor, labels: Tensor, known: Tensor) -> None:
        if self.training and self.subcentres > 1:
            self.wins.view(-1).scatter_add_(0, labels * self.subcentres + winners, known.long())


class ArcFace(MarginHead):
    """The angle to the true class grows by the margin: cos(angle + margin) (Deng et al. 2019, arXiv 1801.07698, eq. 3).

    Beyond 180 degrees less the margin that cosine would rise again. As in the authors' code (insightface,
    arcface_torch/losses.py, without "easy margin"), cos(angle) - margin * sin(margin) takes its place there: it goes on
    falling, and lies below. The default margin of 28.6 degrees is the paper's 0.5 radians.
    """

    default_margin = 28.6

    def _apply_margin(self, true: Tensor, lengths: Tensor, known: Tensor, share: float) -> Tensor:
        margin = math.radians(self.margin) * share
        widened = true * math.cos(margin) - _sine(true) * math.sin(margin)
        return torch.where(true > -math.cos(margin), widened, true - margin * math.sin(margin))


class CosFace(MarginHead):
    """The cosine to the true class shrinks by the margin (Wang et al. 2018, arXiv 1801.09414, eq. 4).

    The margin is a cosine and no angle; the default of 0.35 is the paper's.
    """

    default_margin = 0.35
    largest_margin = 1.0
    margin_unit = ", a cosine"

    def _apply_margin(self, true: Tensor, lengths: Tensor, known: Tensor, share: float) -> Tensor:
        return true - self.margin * share


class AdaFace(MarginHead):
    """A margin that follows the length of the embedding, which follows the quality of the photo.

    Kim, Jain, Liu 2022 (arXiv 2204.00964, section 3.3). With m the margin in radians and z in -1..1 the embedding's
    length against its running mean and standard deviation, the true class has

        cos(angle - m * z) - (m * z + m)

    which is ArcFace for short embeddings (z = -1), CosFace at z = 0, and for long ones (z = 1) a margin that asks more
    of photos that are far from their class. The angle is kept within 0..180 degrees, as in the authors' code. The
    default margin of 22.9 degrees is the paper's 0.4.

    The mean and the standard deviation are those of labelled embeddings in training: averages over steps so far, from
    the hundredth step on exponential ones with a weight of 0.01 for the new step (the paper's momentum of 0.99).

    Args:
        embedding_dim: see `MarginHead`.
        classes: see there.
        margin: degrees.
        scale: see there.
        subcentres: see there.
        concentration: h of eq. 13: z reaches 1 at 1 / h standard deviations; the paper's 0.333 lets two thirds of
            lengths lie within.
    """

    length_mean: Tensor
    length_std: Tensor
    steps: Tensor

    default_margin = 22.9
    NEWEST_WEIGHT = 0.01

    def __init__(
        self,
        embedding_dim: int,
        classes: int,
        margin: float | None = None,
        scale: float = SCALE,
        subcentres: int = 1,
        concentration: float = 0.333,
    ) -> None:
        super().__init__(embedding_dim, classes, margin, scale, subcentres)
        if not 0 < concentration < math.inf:
            raise ValueError(f"concentration {concentration}: give a number above 0, such as 0.333")
        self.concentration = concentration
        self.register_buffer("length_mean", torch.zeros(()))
        self.register_buffer("length_std", torch.zeros(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def _apply_margin(self, true: Tensor, lengths: Tensor, known: Tensor, share: float) -> Tensor:
        if self.training:
            self._follow(lengths, known)
        margin = math.radians(self.margin) * share
        with torch.no_grad():
            turn = -margin * self._quality(lengths)
            cos, sin = turn.cos(), turn.sin()
        turned = true * cos - _sine(true) * sin
        turned = torch.where((turn < 0) & (true > cos), torch.ones_like(true), turned)  # under 0 degrees
        turned = torch.where((turn > 0) & (true < -cos), -torch.ones_like(true), turned)  # over 180
        return turned - (margin - turn)

    def _quality(self, lengths: Tensor) -> Tensor:
        deviation = (lengths - self.length_mean) / (self.length_std + 1e-3)
        return (deviation * self.concentration).clamp(-1, 1)

    @torch.no_grad()
    def _follow(self, lengths: Tensor, known: Tensor) -> None:
        count = known.sum()
        mean = (lengths * known).sum() / count.clamp(min=1)
        std = ((lengths - mean).square() * known).sum().div(count.clamp(min=1)).sqrt()
        self.steps += count > 0
        weight = torch.where(count > 0, (1 / self.steps.clamp(min=1)).clamp(min=self.NEWEST_WEIGHT), 0.0)
        self.length_mean.lerp_(mean, weight)
        self.length_std.lerp_(std, weight)


def make_head(
    name: str,
    embedding_dim: int,
    classes: int,
    *,
    scale: float = SCALE,
    margin: float | None = None,
    subcentres: int = 1,
) -> Head:
    """The head called `name`, with fresh weights.

    Args:
        name: one of `HEADS`.
        embedding_dim: D.
        classes: C.
        scale: of margin heads.
        margin: degrees, for "cosface" a cosine; None takes the head's own default.
        subcentres: centres a class, of margin heads.

    Raises:
        ValueError: the name is not known or an argument is out of range.
    """
    if name not in HEADS:
        raise ValueError(f"head {name!r} is not known: use one of {', '.join(HEADS)}")
    if name == "softmax":
        if margin is not None or subcentres != 1:
            raise ValueError(f"the head softmax has no margin and no subcentres: use one of {', '.join(HEADS[1:])}")
        return SoftmaxHead(embedding_dim, classes)
    kinds: dict[str, type[MarginHead]] = {"arcface": ArcFace, "cosface": CosFace, "adaface": AdaFace}
    return kinds[name](embedding_dim, classes, margin, scale, subcentres)


def _sine(cosine: Tensor) -> Tensor:
    """The sine of an angle in 0..180 degrees from its cosine, with finite gradients at both ends."""
    return (1 - cosine.square()).clamp(min=_SMALLEST_SQUARED_SINE).sqrt()
