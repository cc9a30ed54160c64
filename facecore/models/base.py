"""What every network here can do."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class EmbeddingNetwork(nn.Module, ABC):
    """A network with two forward methods: `forward` for training, `embed` for comparing.

    Attributes:
        embedding_dim: width of the embedding.
    """

    embedding_dim: int

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """The embedding, (N, 3, H, W) float -> (N, embedding_dim) float."""
