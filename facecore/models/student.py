"""A network taught by other networks: one affine head a teacher, their weighted concatenation as the embedding."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facecore.models.base import EmbeddingNetwork
from facecore.models.resnet import Stem, resnet18, resnet34

Backbone = Literal["resnet18", "resnet34"]


class _Kind(TypedDict):
    backbone: Backbone
    stem: Stem


class AffineHead(nn.Module):
    """A linear layer in a teacher's standardised space, then the fixed map back to the teacher's own space.

    Training happens on standardised targets (minus their mean, divided by one common scale), because raw embeddings
    can share a part so large that it swamps the loss; comparing happens in the teacher's own space.

    Args:
        inputs: features that come in.
        outputs: width of the teacher's embedding.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("scale", torch.ones(1))

    def standardise(self, raw: Tensor) -> Tensor:
        """The teacher's embeddings (N, D) in the space that `forward` answers in."""
        return (raw - self.mean) / self.scale

    def raw(self, standardised: Tensor) -> Tensor:
        """The inverse of `standardise`."""
        return standardised * self.scale + self.mean

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs) -> (N, D) in the standardised space."""
        standardised: Tensor = self.linear(features)
        return standardised


class Student(EmbeddingNetwork):
    """A ResNet, BatchNorm over its pooled features, and an affine head for each teacher.

    The embedding is the concatenation of the heads' outputs in the teachers' own spaces, each of length one times the
    square root of its share, so that the cosine of two embeddings is the weighted mean of the teachers' cosines
    weighted by the squares of `weights`.

    Args:
        dims: width of each teacher's embedding, by the teacher's name.
        weights: length of each teacher's part before the whole is brought to length one.
        backbone: "resnet18" or "resnet34".
        stem: that of `ResNet`.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        weights: Mapping[str, float],
        backbone: Backbone = "resnet18",
        stem: Stem = "7x7",
    ) -> None:
        super().__init__()
        if set(dims) != set(weights) or not dims:
            raise ValueError(f"a student needs a width and a weight a teacher, not {dict(dims)} and {dict(weights)}")
        if min(weights.values()) < 0 or max(weights.values()) <= 0:
            raise ValueError(f"weights of a student's parts must be positive, not {dict(weights)}")
        make = {"resnet18": resnet18, "resnet34": resnet34}[backbone]
        self.backbone = make(num_classes=0, stem=stem)
        self.norm = nn.BatchNorm1d(self.backbone.embedding_dim)
        self.heads = nn.ModuleDict({name: AffineHead(self.backbone.embedding_dim, dim) for name, dim in dims.items()})
        self.weights = dict(weights)
        self._kind: _Kind = {"backbone": backbone, "stem": stem}
        self.embedding_dim = sum(dims.values())

    @property
    def arguments(self) -> dict[str, Any]:
        """What a student of this architecture and these weights of its parts is made with."""
        dims = {name: self.head(name).linear.out_features for name in self.heads}
        return {"dims": dims, "weights": dict(self.weights), **self._kind}

    def with_heads(self, dims: Mapping[str, int], weights: Mapping[str, float]) -> "Student":
        """A student with the same backbone and the heads of `dims`: those that are here as they are, others fresh.

        Raises:
            ValueError: a head that is here has another width, or widths and weights do not belong together.
        """
        for name in dims.keys() & self.heads.keys():
            if dims[name] != (width := self.head(name).linear.out_features):
                raise ValueError(f"the head {name} answers with {width} numbers, not {dims[name]}")
        student = Student(dims, weights, **self._kind)
        state = student.state_dict()
        student.load_state_dict({**state, **{k: v for k, v in self.state_dict().items() if k in state}})
        return student

    def features(self, x: Tensor) -> Tensor:
        """Normalised pooled features, (N, 3, H, W) float -> (N, 512) float32."""
        pooled = self.backbone.embed(x)
        # Heads and losses run in float32 also under autocast: bfloat16 keeps only 8 bits of the embedding.
        with torch.autocast(x.device.type, enabled=False):
            normalised: Tensor = self.norm(pooled.float())
        return normalised

    @property
    def penultimate_dim(self) -> int:
        """Width of the pooled features."""
        return self.backbone.embedding_dim

    def penultimate(self, x: Tensor) -> Tensor:
        """The same as `features`."""
        return self.features(x)

    def head(self, name: str) -> AffineHead:
        """The head that answers in the space of the teacher called `name`."""
        head = self.heads[name]
        assert isinstance(head, AffineHead)
        return head

    def parts(self, x: Tensor) -> dict[str, Tensor]:
        """What each head answers, in its teacher's standardised space: (N, 3, H, W) -> (N, D) by name."""
        features = self.features(x)
        with torch.autocast(x.device.type, enabled=False):
            return {name: head(features) for name, head in self.heads.items()}

    def embed(self, x: Tensor) -> Tensor:
        """The embedding, (N, 3, H, W) float -> (N, sum of dims) float32, each row of length one."""
        return self.blend(self.parts(x))

    def blend(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The embedding that belongs to the answers of `parts`."""
        pieces = [self.weights[name] * F.normalize(self.head(name).raw(part)) for name, part in parts.items()]
        return F.normalize(torch.cat(pieces, dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """The same as `embed`: a student has no classes."""
        return self.embed(x)
