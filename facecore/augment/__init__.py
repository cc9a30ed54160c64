"""Training augmentations on whole batches of faces, on whatever device the batch is.

Every random number comes from the generator that is handed in, so that a run can be repeated and resumed exactly. The
generator is on the CPU; a GPU gets what was drawn without being waited for.
`python -m facecore.contact_sheet` shows what a preset does.
"""

from collections.abc import Callable

from torch import Generator, Tensor

from facecore.augment.augmentation import Augmentation, resize
from facecore.augment.trivial import Trivial

__all__ = ["PRESETS", "Augmentation", "Trivial", "augmentation", "resize"]

_MIRROR = Augmentation(rotation=0, scale=0, shift=0, mirror=0.5, low_resolution=0, grey=0, brightness=0, contrast=0)
_NONE = Augmentation(rotation=0, scale=0, shift=0, mirror=0, low_resolution=0, grey=0, brightness=0, contrast=0)

PRESETS: dict[str, Callable[[Tensor, int, Generator], Tensor]] = {
    "none": _NONE,
    "mirror": _MIRROR,
    "face": Augmentation(),
    "hard": Augmentation(
        rotation=6,
        scale=0.06,
        shift=2.0,
        low_resolution=0.25,
        grey=0.15,
        contrast=0.2,
        occlusion=0.2,
        gaussian_blur=0.15,
        motion_blur=0.1,
        darkness=0.15,
        temperature=0.08,
        jpeg=0.3,
    ),
    "trivial": Trivial(),
}
"""By name: nothing but the size; left and right; what is safe for any face; photos as bad as they come; torchvision's
TrivialAugmentWide."""


def augmentation(name: str) -> Callable[[Tensor, int, Generator], Tensor]:
    """The preset called `name`: (faces uint8 (N, 3, H, W), size, generator) -> (N, 3, size, size) float32 in 0..1.

    Raises:
        ValueError: the name is not known.
    """
    if name not in PRESETS:
        raise ValueError(f"augmentation {name!r} is not known: use one of {', '.join(PRESETS)}")
    return PRESETS[name]
