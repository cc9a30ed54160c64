"""AlexNet (Krizhevsky, Sutskever, Hinton 2012), in the form of Krizhevsky 2014 (arXiv 1404.5997) that torchvision has.

The names of all parameters are those of torchvision's `alexnet`, so that its state dict loads here and ours loads
there. It has no BatchNorm: torchvision's reference training gives it a learning rate of 0.01 where a ResNet gets 0.1.
"""

from torch import Tensor, nn

from facecore.models.base import EmbeddingNetwork

FEATURES = 4096


class AlexNet(EmbeddingNetwork):
    """Five convolutions and three linear layers over photos of one size, from 64 px up.

    `forward` gives class logits, `embed` the 4096 features that they are computed from. They come out of a ReLU: none
    is negative. Without classes the two are the same.

    Args:
        num_classes: width of the last linear layer; 0 leaves it out.
        dropout: probability of dropping a feature before the first two linear layers, 0..1.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, FEATURES),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(FEATURES, FEATURES),
            nn.ReLU(inplace=True),
            nn.Linear(FEATURES, num_classes) if num_classes else nn.Identity(),
        )
        self.embedding_dim = FEATURES
        _initialise(self)

    def embed(self, x: Tensor) -> Tensor:
        """The embedding, (N, 3, H, W) float -> (N, 4096), not normalised."""
        embedding: Tensor = self.classifier[:-1](self.avgpool(self.features(x)).flatten(1))
        return embedding

    def forward(self, x: Tensor) -> Tensor:
        """Class logits, (N, 3, H, W) float -> (N, num_classes)."""
        logits: Tensor = self.classifier[-1](self.embed(x))
        return logits


def _initialise(network: nn.Module) -> None:
    """Normal weights with the variance that keeps ReLU activations level (He et al. 2015, arXiv 1502.01852, eq. 10).

    PyTorch's own have a sixth of that variance: without BatchNorm the signal has all but gone after eight layers, and
    plain SGD does not leave chance for many epochs.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
