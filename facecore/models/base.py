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

    @property
    def penultimate_dim(self) -> int:
        """Width of what `penultimate` gives."""
        return self.embedding_dim

    def penultimate(self, x: Tensor) -> Tensor:
        """What the layer before the embedding gives, (N, 3, H, W) float -> (N, penultimate_dim) float.

        It still tells of the photo what an embedding leaves out, since it does not help to tell people apart. Where
        there is no such layer, this is the embedding.
        """
        return self.embed(x)
