"""Classification of identities: the network learns to name the people of a folder, then the last layer is left out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facecore.models import EmbeddingNetwork
from facecore.models.heads import Head


class Classification(nn.Module):
    """The network and a head over identities.

    Attributes:
        centre: (D,) float32, taken off each embedding before the head sees it; zeros unless `imprint` sets it.

    Args:
        network: without its own last layer.
        head: (embedding, labels, margin share) -> logits, see `facecore.models.heads`.
        margin_warmup: steps in which the margin grows from nothing to whole; with the whole margin from the start a
            fresh network may never find a direction.
    """

    centre: Tensor

    def __init__(self, network: EmbeddingNetwork, head: Head, margin_warmup: int) -> None:
        super().__init__()
        self.network = network
        self.head = head
        self.margin_warmup = margin_warmup
        self.register_buffer("centre", torch.zeros(network.embedding_dim))

    def embed(self, faces: Tensor) -> Tensor:
        """What the head sees: (N, 3, S, S) float32, normalised -> (N, D) float32."""
        return self.network.embed(faces).float() - self.centre

    def forward(self, faces: Tensor, labels: Tensor, rows: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Mean cross entropy of a batch and how many of it were named rightly.

        Args:
            faces: (N, 3, S, S) float32, normalised.
            labels: (N,) int64.
            rows: not used.
            step: number of the step.
        """
        embedding = self.embed(faces)
        with torch.autocast(faces.device.type, enabled=False):
            logits = self.head(embedding, labels, self.margin_share(step))
            loss = F.cross_entropy(logits, labels)
            with torch.no_grad():
                correct = (self.head.scores(embedding).argmax(1) == labels).sum()
        return loss, correct.float()

    def margin_share(self, step: int) -> float:
        """How much of the margin holds at a step, in 0..1."""
        return min(1.0, (step + 1) / self.margin_warmup) if self.margin_warmup else 1.0

    @torch.inference_mode()
    def name(self, faces: Tensor) -> Tensor:
        """The most likely class of each face: (N, 3, S, S) float32 -> (N,) int64."""
        named: Tensor = self.head.scores(self.embed(faces)).argmax(1)
        return named

    @torch.no_grad()
    def imprint(self, embeddings: Tensor, labels: Tensor, centred: bool) -> None:
        """Begin where a trained network stands: each class's centre becomes the mean of its embeddings.

        Weight imprinting (Qi, Brown and Lowe 2018, arXiv 1712.07136, section 3.2): without it, the random centres of a
        fresh head pull a good embedding apart before they have found their places.

        A class of which no image could be read begins in a random direction.

        Args:
            embeddings: (N, D) float32 of the training images, as the network gives them.
            labels: (N,) int64.
            centred: whether to take the mean of all embeddings off first. For embeddings of length one that share a
                large part, which leaves a margin a small part of the sphere: a shift does not change the distances
                between them, and so their cosines.
        """
        if centred:
            self.centre.copy_(embeddings.mean(0))
            embeddings = embeddings - embeddings.mean(0)
        classes = len(self.head.linear()[1])
        sums = embeddings.new_zeros(classes, embeddings.shape[1]).index_add_(0, labels, F.normalize(embeddings))
        counts = labels.bincount(minlength=classes)[:, None]
        anywhere = F.normalize(torch.randn_like(sums))
        self.head.imprint(torch.where(counts > 0, sums / counts.clamp(min=1), anywhere))
