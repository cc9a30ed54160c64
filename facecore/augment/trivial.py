"""TrivialAugment as torchvision has it, made repeatable."""

import torch
from torch import Generator, Tensor

from facecore.augment.augmentation import resize


class Trivial:
    """One random change of random strength for each face (Müller and Hutter 2021, arXiv 2103.10158, "Wide").

    Made for photos of any objects: faces are turned by up to 135 degrees, moved by up to 32 pixels and never mirrored.
    torchvision draws from PyTorch's global generator of the CPU, which is set for the while and then put back as it
    was; a thread that draws from it at the same time draws other numbers.
    """

    def __call__(self, faces: Tensor, size: int, generator: Generator) -> Tensor:
        """See `Augmentation.__call__`."""
        from torchvision.transforms import v2  # here, since importing it takes a second and nothing else needs it

        change = v2.TrivialAugmentWide()
        resized = resize(faces, size)
        seed = int(torch.randint(2**63 - 1, (1,), generator=generator))
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed, which would set the generators of all GPUs too.
            torch.set_rng_state(Generator().manual_seed(seed).get_state())
            changed = torch.stack([change(face) for face in resized])
        return changed.float().div_(255).contiguous(memory_format=torch.channels_last)
