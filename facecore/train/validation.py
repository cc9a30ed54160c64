"""How often the right person is named, over all images of a folder, each counted once."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from facecore.augment import resize
from facecore.data.pictures import Pictures, row_loader
from facecore.train.batches import Loading
from facecore.train.distributed import Ranks
from facecore.transforms import Preset


@dataclass(frozen=True)
class Accuracy:
    """Share of images whose person was named rightly.

    Attributes:
        value: in 0..1, over the images that could be read.
        images: how many those are.
        unreadable: how many could not.
    """

    value: float
    images: int
    unreadable: int


def accuracy(
    name: Callable[[Tensor], Tensor],
    pictures: Pictures,
    preset: Preset,
    size: int,
    loading: Loading,
    ranks: Ranks,
    autocast: torch.dtype | None = None,
    batch_size: int = 128,
    what: str = "validating",
) -> Accuracy:
    """Measure it, each rank on its share of the images.

    Args:
        name: the most likely class of each face: (N, 3, S, S) float32 normalised -> (N,) int64.
        pictures: with labels.
        preset: how the network's input is normalised.
        size: of the input in pixels.
        loading: device and workers.
        ranks: this process among all.
        autocast: type of the convolutions, None for float32.
        batch_size: images in a pass.
        what: word for the progress bar.
    """
    rows = np.arange(ranks.rank, len(pictures), ranks.world)
    counts = torch.zeros(2, device=loading.device)
    pieces = row_loader(pictures, rows, batch_size, loading.workers, loading.start)
    done = 0
    with tqdm(total=len(rows), desc=what, unit="image", delay=2, leave=False, disable=not ranks.main) as bar:
        for faces, taken, _ in pieces:
            asked = rows[done : done + len(taken)]
            done += len(taken)
            # What could not be read was replaced by another image, which is counted in its own place.
            counted = torch.from_numpy(asked == taken).to(loading.device)
            labels = torch.from_numpy(pictures.labels[taken]).to(loading.device)
            x = preset.normalise(resize(faces.to(loading.device), size).float().div_(255))
            with torch.autocast(loading.device.type, autocast) if autocast else nullcontext():
                right = name(x.contiguous(memory_format=torch.channels_last)) == labels
            counts += torch.stack([(right & counted).sum(), counted.sum()]).float()
            bar.update(len(taken))
    right_ones, images = ranks.total(counts).tolist()
    return Accuracy(right_ones / max(1.0, images), int(images), len(pictures) - int(images))
