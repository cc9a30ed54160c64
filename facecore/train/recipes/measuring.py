"""What recipes on folders of images share: their pictures, and what is measured on the lists of pairs beside them."""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import platformdirs
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from facecore import checkpoint
from facecore.data.folder import FaceFolder, scan_folder
from facecore.data.layout import Layout
from facecore.data.pictures import FilePictures, Pictures, as_tensor, hold
from facecore.errors import DataError
from facecore.files import write_text
from facecore.models import EmbeddingNetwork
from facecore.train.batches import Loading
from facecore.train.distributed import Ranks
from facecore.train.memory import fits_in_memory
from facecore.train.verification_lists import (
    Embed,
    Verifier,
    calibrate_command,
    calibrate_model,
    read_lists,
    score_command,
)
from facecore.transforms import Preset

RESULTS = "results.json"
NAMES = ("last", "best")


def listed(folder: Path, classes: Sequence[str] | None = None) -> FaceFolder:
    """The images of a folder; the listing is kept in the user's cache, so that a large one is gone through once."""
    key = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
    cache = platformdirs.user_cache_path("facecore") / "folders" / f"{key}.npz"
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written to costs time, and nothing else
        return scan_folder(folder, classes)
    return scan_folder(folder, classes, cache)


def check_names(folder: Path, classes: Sequence[str]) -> None:
    """Make sure that the list of classes, which has one a line, can be written and read again.

    Raises:
        DataError: a name holds a line end, or bytes that are no text.
    """
    for name in classes:
        readable = name.encode("utf-8", "replace").decode()
        if readable != name or name.splitlines() != [name]:
            raise DataError(f"{folder}: the folder {name!r} cannot be a line in the list of classes: rename it")


def open_pictures(
    folder: FaceFolder, preset: Preset, a: argparse.Namespace, loading: Loading, ranks: Ranks
) -> Pictures:
    """The images of a folder, in memory where `--hold` says so or they fit well."""
    pictures = FilePictures(folder, preset)
    # Each rank holds all of them; those on a processor share its memory.
    size = len(pictures) * 3 * preset.size**2 * (ranks.world if loading.device.type == "cpu" else 1)
    if a.hold == "memory" or (a.hold == "auto" and fits_in_memory(size, loading.device)):
        return hold(pictures, loading.device, loading.workers, loading.start)
    return pictures


def embedder(
    network: EmbeddingNetwork, preset: Preset, device: torch.device, autocast: torch.dtype | None, unit: bool = True
) -> Callable[[Sequence[NDArray[np.uint8]] | Tensor], NDArray[np.float32]]:
    """Embeds faces with a network as it is when they come.

    Args:
        network: on the device, in evaluation mode by then.
        preset: how its input is normalised.
        device: where it runs.
        autocast: type of the convolutions, None for float32.
        unit: whether rows are brought to length one.

    Returns:
        Crops (S, S, 3) uint8 each, or faces (N, 3, S, S) uint8 -> (N, D) float32.
    """

    @torch.inference_mode()
    def embed(crops: Sequence[NDArray[np.uint8]] | Tensor) -> NDArray[np.float32]:
        faces = crops if isinstance(crops, Tensor) else as_tensor(np.stack(crops))
        x = preset.normalise(faces.to(device).float().div_(255))
        with torch.autocast(device.type, autocast) if autocast else nullcontext():
            embedding = network.embed(x.contiguous(memory_format=torch.channels_last)).float()
        rows: NDArray[np.float32] = (F.normalize(embedding) if unit else embedding).cpu().numpy()
        return rows

    return embed


class PairLists:
    """The lists of pairs of a data folder: measured during training, and used for calibration at its end."""

    def __init__(self, layout: Layout, preset: Preset) -> None:
        self.lists = read_lists(layout.lists, layout.images)
        labelled = [one for one in self.lists if one.same is not None]
        self.verifier = Verifier(labelled[0], preset) if labelled else None

    def auc(self, embed: Embed) -> float | None:
        """Area under the ROC of the first labelled list; None without one."""
        return self.verifier.auc(embed) if self.verifier else None

    def finish(self, run: Path, results: dict[str, object], device: str, calibrates: bool) -> None:
        """Calibrate the saved models, write results.json, and print what comes next."""
        for name in NAMES:
            model = run / name
            if not model.is_dir():
                continue
            print(f"wrote {model}", file=sys.stderr)
            calibration = calibrate_model(model, self.lists, device) if calibrates else None
            if calibration is not None:
                checkpoint.save_calibration(model, calibration)
            elif not calibrates:
                words = calibrate_command(model, "pairs.txt", "PHOTOS")
                print(f"{model} has no calibration, as asked for; to make one: {words}", file=sys.stderr)
        write_text(run / RESULTS, json.dumps(results, indent=1) + "\n")
        print(json.dumps(results, indent=1))
        model = run / (NAMES[1] if (run / NAMES[1]).is_dir() else NAMES[0])
        for one in self.lists:
            if one.same is None:
                print(f"to score {one.path}:\n  {score_command(model, one)}")
