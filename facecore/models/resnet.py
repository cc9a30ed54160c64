"""ResNet-18 and ResNet-34 (He, Zhang, Ren, Sun 2015, arXiv 1512.03385), with an embedding as a first-class output.

The names of all parameters are those of torchvision's `resnet18` and `resnet34`, so that their state dicts load here
and ours load there, as long as the options are left at their defaults.
"""

from typing import Literal

from torch import Tensor, nn

from facecore.models.base import EmbeddingNetwork

Stem = Literal["7x7", "3x3"]
Shortcut = Literal["projection", "every"]

WIDTHS = (64, 128, 256, 512)  # channels of the four stages (table 1 of the paper)
STEMS: tuple[Stem, ...] = ("7x7", "3x3")
SHORTCUTS: tuple[Shortcut, ...] = ("projection", "every")


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (section 3.3, figure 2 of the paper).

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        stride: of the first convolution; 2 halves height and width.
        project: whether the shortcut is a 1x1 convolution with BatchNorm (option B) and not the identity.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if project:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride), rounded up."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        activated: Tensor = self.relu(x + shortcut)
        return activated


class ResNet(EmbeddingNetwork):
    """A residual network over photos of one size, from 64 px up.

    `forward` gives class logits, `embed` what they are computed from. Without classes the two are the same.

    Args:
        blocks: number of blocks in each of the four stages.
        num_classes: width of the last linear layer; 0 leaves it out.
        stem: "7x7" is the paper's (7x7 convolution with stride 2, then max pooling); "3x3" keeps the full resolution,
            as networks for small crops do (Deng et al. 2019, arXiv 1801.07698, section 3.1), at about 17 times the
            cost per image.
        shortcut: "projection" puts a 1x1 convolution on the shortcut where shapes change (option B in section 4.1 of
            the paper), "every" on all of them (option C).
        embedding_dim: None takes the 512 pooled features as the embedding; a number adds a linear layer of this width
            and a BatchNorm.
    """

    def __init__(
        self,
        blocks: tuple[int, int, int, int],
        num_classes: int = 1000,
        stem: Stem = "7x7",
        shortcut: Shortcut = "projection",
        embedding_dim: int | None = None,
    ) -> None:
        super().__init__()
        if stem not in STEMS:
            raise ValueError(f"stem {stem!r} is not known: use one of {', '.join(STEMS)}")
        if shortcut not in SHORTCUTS:
            raise ValueError(f"shortcut {shortcut!r} is not known: use one of {', '.join(SHORTCUTS)}")
        large = stem == "7x7"
        kernel, stride = (7, 2) if large else (3, 1)
        self.conv1 = nn.Conv2d(3, WIDTHS[0], kernel, stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool: nn.Module = nn.MaxPool2d(3, 2, padding=1) if large else nn.Identity()
        every = shortcut == "every"
        self.layer1 = _stage(WIDTHS[0], WIDTHS[0], blocks[0], 1, every)
        self.layer2 = _stage(WIDTHS[0], WIDTHS[1], blocks[1], 2, every)
        self.layer3 = _stage(WIDTHS[1], WIDTHS[2], blocks[2], 2, every)
        self.layer4 = _stage(WIDTHS[2], WIDTHS[3], blocks[3], 2, every)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.neck: nn.Module = nn.Identity()
        if embedding_dim is not None:
            self.neck = nn.Sequential(nn.Linear(WIDTHS[3], embedding_dim, bias=False), nn.BatchNorm1d(embedding_dim))
        self.embedding_dim = embedding_dim or WIDTHS[3]
        self.fc: nn.Module = nn.Linear(self.embedding_dim, num_classes) if num_classes else nn.Identity()
        _initialise(self)

    def features(self, x: Tensor) -> Tensor:
        """Pooled features, (N, 3, H, W) float -> (N, 512)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        pooled: Tensor = self.avgpool(x)
        return pooled.flatten(1)

    @property
    def penultimate_dim(self) -> int:
        """Width of the pooled features."""
        return WIDTHS[3]

    def penultimate(self, x: Tensor) -> Tensor:
        """The same as `features`."""
        return self.features(x)

    def embed(self, x: Tensor) -> Tensor:
        """The embedding, (N, 3, H, W) float -> (N, embedding_dim), not normalised."""
        embedding: Tensor = self.neck(self.features(x))
        return embedding

    def forward(self, x: Tensor) -> Tensor:
        """Class logits, (N, 3, H, W) float -> (N, num_classes)."""
        logits: Tensor = self.fc(self.embed(x))
        return logits


def _stage(inputs: int, outputs: int, count: int, stride: int, every: bool) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride, project=every or stride != 1 or inputs != outputs)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1, project=every) for _ in range(count - 1)))


def _initialise(network: nn.Module) -> None:
    """Normal weights with the variance that keeps ReLU activations level (He et al. 2015, arXiv 1502.01852, eq. 10)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def resnet18(
    num_classes: int = 1000, stem: Stem = "7x7", shortcut: Shortcut = "projection", embedding_dim: int | None = None
) -> ResNet:
    """ResNet-18 (table 1 of the paper); the arguments are those of `ResNet`."""
    return ResNet((2, 2, 2, 2), num_classes, stem, shortcut, embedding_dim)


def resnet34(
    num_classes: int = 1000, stem: Stem = "7x7", shortcut: Shortcut = "projection", embedding_dim: int | None = None
) -> ResNet:
    """ResNet-34 (table 1 of the paper); the arguments are those of `ResNet`."""
    return ResNet((3, 4, 6, 3), num_classes, stem, shortcut, embedding_dim)
