"""Pair lists beside a training folder: verification AUC while a model trains, and what its scores mean afterwards.

A list names photos, such as `verification_data/000.jpg verification_data/001.jpg 1`. They are taken as the training
photos are: whole, without a search for faces.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from facecore import checkpoint, image
from facecore.device import usable_cores
from facecore.errors import DataError, ImageError
from facecore.files import sha256
from facecore.recognizer import FaceRecognizer
from facecore.transforms import Preset
from facecore.verification.calibration import Calibration
from facecore.verification.dependence import warn_few_images
from facecore.verification.fitting import fit
from facecore.verification.metrics import auc
from facecore.verification.pairs import lfw_candidates, open_pairs
from facecore.verification.scores import cosines

Crop = NDArray[np.uint8]
Embed = Callable[[Sequence[Crop]], NDArray[np.float32]]
Load = Callable[[Path], Crop]

CACHE_BYTES = 1 << 30
"""Crops that are kept in memory between two measurements: some 7,000 at 224 px, 28,000 at 112 px."""


@dataclass(frozen=True)
class VerificationList:
    """The pairs of a list, and the photos that they are of.

    Attributes:
        path: of the list.
        images: folder that the names are relative to.
        names: distinct names, in the order in which they first appear.
        files: where each of them was found; where it is not, a path at which there is nothing.
        left: (P,) int64, place of the first photo of each pair in `names`.
        right: (P,) int64, of the second.
        same: (P,) bool, whether a pair shows one person; None where the list does not say.
    """

    path: Path
    images: Path
    names: tuple[str, ...]
    files: tuple[Path, ...]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    same: NDArray[np.bool_] | None

    def __len__(self) -> int:
        return len(self.left)


class Verifier:
    """Measures one labelled list again and again while a model trains; photos are decoded once as far as they fit.

    Args:
        pairs: a labelled list.
        preset: brings photos to the network's input.
        cache_bytes: memory for decoded photos.
    """

    def __init__(self, pairs: VerificationList, preset: Preset, cache_bytes: int = CACHE_BYTES) -> None:
        self.pairs = pairs
        self.preset = preset
        self._room = cache_bytes // (3 * preset.size**2)
        self._crops: dict[Path, Crop] = {}

    def auc(self, embed: Embed, batch_size: int = 128) -> float:
        """The area under the ROC of the model as it is now; arguments and errors as in `verification_auc`."""
        return verification_auc(self.pairs, embed, self._load, batch_size)

    def _load(self, path: Path) -> Crop:
        crop = self._crops.get(path)
        if crop is None:
            crop = self.preset.fit(image.load(path))
            if len(self._crops) < self._room:
                self._crops[path] = crop
        return crop


def read_lists(paths: Sequence[Path], images: Path) -> list[VerificationList]:
    """Read pair lists of any kind that `facecore.verification.pairs` knows.

    The names of a list are relative to `images` or to the list's own folder: to the one in which more of them are
    found. Those of a course list (`Id,Category`) are looked for in both. Photos that are missing are counted on stderr,
    and their pairs fail. Labels that are all the same are no labels; where some pairs have none, the others count.

    Args:
        paths: of the lists.
        images: where photos are looked for first.

    Raises:
        PairListError: a list cannot be read.
        DataError: none of a list's photos is there.
    """
    return [_read(path, images) for path in paths]


def verification_auc(pairs: VerificationList, embed: Embed, load: Load, batch_size: int = 128) -> float:
    """The area under the ROC; a pair with a photo that cannot be used counts as one that is accepted at no threshold.

    Args:
        pairs: a labelled list.
        embed: crops, uint8 (S, S, 3) each -> float32 (N, D), rows of length one.
        load: a file -> its crop; called from several threads. It may raise ImageError.
        batch_size: the most crops that `embed` is given.

    Raises:
        ValueError: the list has no labels.
    """
    if pairs.same is None:
        raise ValueError(f"{pairs.path}: has no labels, and an AUC needs them")
    scores = _scores(pairs, embed, load, batch_size)
    return auc(np.where(np.isnan(scores), -np.inf, scores), pairs.same)


def calibrate_model(
    model: Path,
    lists: Sequence[VerificationList],
    device: str = "auto",
    batch_size: int = 64,
    people: Path | None = None,
) -> Calibration | None:
    """A calibration fitted on all scored pairs of the first list with labels, without evidence on other pairs.

    The model is read from its directory, so that what is calibrated is what users get, rounded weights included.

    Args:
        model: a model directory.
        lists: as `read_lists` gives them.
        device: where the network runs.
        batch_size: photos in one pass.
        people: a folder of folders, one a person, that the advice may name as a source of pairs.

    Returns:
        None where there is no such list, or its pairs are too few or do not carry a calibration: stderr then says why,
        and the commands that make one.

    Raises:
        ModelError: the model cannot be used.
        DataError: no photo of the list can be used.
    """
    pairs = next((one for one in lists if one.same is not None), None)
    if pairs is None or pairs.same is None:
        _tell_uncalibrated(model, "there is no list of pairs with labels", people)
        return None
    recognizer = FaceRecognizer(checkpoint.load(model), align="none", device=device)
    scores = _scores(
        pairs,
        lambda crops: recognizer.encode(crops, batch_size),
        lambda path: recognizer.input.fit(image.load(path)),
        batch_size,
    )
    scored = np.isfinite(scores)
    genuine, impostor = scored & pairs.same, scored & ~pairs.same
    source = {
        "data": str(pairs.path),
        "digest": sha256(pairs.path),
        "genuine": int(genuine.sum()),
        "impostors": int(impostor.sum()),
        "failed_pairs": int((~scored).sum()),
        "align": "none",
        "use": "all pairs of the list are fitted: there is no evidence on pairs of other people",
    }
    try:
        calibration = fit(scores[genuine], scores[impostor], source=source)
    except ValueError as error:
        _tell_uncalibrated(model, f"{pairs.path}: {error}", people)
        return None
    if warning := warn_few_images(pairs.left[impostor], pairs.right[impostor]):
        print(warning, file=sys.stderr)
    return calibration


def score_command(model: Path, pairs: VerificationList) -> str:
    """The command line that scores a list with a model, its photos taken whole as the training photos were."""
    line = f"python -m eval.score {shlex.quote(str(pairs.path))} {_photo_flags(pairs)}"
    return f"{line} --model {shlex.quote(str(model))} --align none"


def calibrate_command(model: Path, pairs: str, images: str) -> str:
    """The command line that calibrates a model on a list, its photos taken whole."""
    words = ["python", "-m", "eval.calibrate", str(model), pairs, "--images", images, "--align", "none"]
    return shlex.join(words)


def _tell_uncalibrated(model: Path, why: str, people: Path | None) -> None:
    folder = "PEOPLE" if people is None else str(people)
    results = f"{model.name}-pairs"
    words = ["python", "-m", "eval.protocols", "identities", folder, "--pairs", "1000", "--impostors", "100000",
             "--model", str(model), "--align", "none", "--no-report", "--out", results]  # fmt: skip
    hint = "holds a folder of photos for each person" if people is None else "will do"
    print(
        f"{model} has no calibration, so it gives scores but no probability and no verdict: {why}. "
        f"To make one ({folder} {hint}; best are people who were not trained on):\n"
        f"  {shlex.join(words)}\n  {calibrate_command(model, f'{results}/pairs.csv', folder)}",
        file=sys.stderr,
    )


def _photo_flags(pairs: VerificationList) -> str:
    root = os.path.join(os.path.realpath(pairs.images), "")
    outside = any(not os.path.realpath(file).startswith(root) for file in pairs.files)
    return f"--images {shlex.quote(str(pairs.images))}" + (" --allow-outside" if outside else "")


def _read(path: Path, images: Path) -> VerificationList:
    source = open_pairs(path)
    table = pd.concat(list(source.tables()), ignore_index=True)
    same = _labels(path, table)
    if same is not None:
        table = table[table["label"].notna()]
    codes, distinct = pd.factorize(table[["left", "right"]].to_numpy(str).ravel())
    names = tuple(str(name) for name in distinct)
    roots = [images, path.parent]
    found = [[_find(root, name, source.kind == "lfw") for name in names] for root in roots]
    # Lists of courses lie beside the photos that they name, wherever the other photos are: both folders count.
    course = source.kind == "course"
    best = 0 if course else max((0, 1), key=lambda root: sum(file is not None for file in found[root]))
    files = [first or second for first, second in zip(*found, strict=True)] if course else found[best]
    left, right = codes[0::2].astype(np.int64), codes[1::2].astype(np.int64)
    _tell_missing(path, images, names, files, left, right)
    whole = tuple(file or roots[best] / name for file, name in zip(files, names, strict=True))
    return VerificationList(path, roots[best], names, whole, left, right, same)


def _labels(path: Path, table: pd.DataFrame) -> NDArray[np.bool_] | None:
    """Labels of the pairs that have one; None where nothing can be measured by them."""
    if "label" not in table or table["label"].isna().all():
        return None
    known = table["label"].dropna().to_numpy(np.bool_)
    if known.all() or not known.any():
        word = "same" if known.all() else "different"
        print(f"{path}: all labels say {word}, which nothing can be measured by: taken as no labels", file=sys.stderr)
        return None
    if len(known) < len(table):
        print(f"{path}: {len(table) - len(known):,} of {len(table):,} pairs have no label: left out", file=sys.stderr)
    return known


def _find(root: Path, name: str, lfw: bool) -> Path | None:
    """The file that a list calls `name`, with the same candidates as `eval.resolve` has."""
    names = lfw_candidates(name) if lfw else [name]
    if "\\" in name and os.sep == "/":  # as Windows writes names
        names.append(name.replace("\\", "/"))
    return next((root / candidate for candidate in names if os.path.exists(root / candidate)), None)


def _tell_missing(
    path: Path,
    images: Path,
    names: Sequence[str],
    files: Sequence[Path | None],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> None:
    absent = np.array([file is None for file in files])
    if not absent.any():
        return
    first = names[int(np.argmax(absent))]
    if absent.all():
        raise DataError(
            f"{path}: none of its {len(names):,} photos is there, the first is {first!r}: looked for in {images} and "
            f"{path.parent}. Put the photos there or leave the list out"
        )
    pairs = int((absent[left] | absent[right]).sum())
    print(
        f"{path}: {int(absent.sum()):,} of {len(names):,} photos are missing, such as {first!r}: "
        f"{pairs:,} of {len(left):,} pairs fail",
        file=sys.stderr,
    )


def _scores(pairs: VerificationList, embed: Embed, load: Load, batch_size: int) -> NDArray[np.float64]:
    """The cosine of each pair, NaN where a photo cannot be used."""
    rows, parts = list[int](), list[NDArray[np.float32]]()
    for begin, crops in _batches(pairs.files, load, batch_size):
        usable = [number for number, crop in enumerate(crops) if crop is not None]
        if usable:
            rows += [begin + number for number in usable]
            parts.append(embed([crop for crop in crops if crop is not None]))
    if not parts:
        raise DataError(f"{pairs.path}: none of its photos can be read, the first is {pairs.files[0]}")
    known = np.concatenate(parts)
    matrix = np.full((len(pairs.files), known.shape[1]), np.nan, np.float32)
    matrix[rows] = known
    return cosines(matrix, pairs.left, pairs.right)


def _batches(files: Sequence[Path], load: Load, batch_size: int) -> Iterator[tuple[int, list[Crop | None]]]:
    """Crops of the files in order, None for one that cannot be used; the next batch is decoded meanwhile."""

    def usable(path: Path) -> Crop | None:
        try:
            return load(path)
        except ImageError:
            return None

    with ThreadPoolExecutor(usable_cores()) as pool:
        begins = range(0, len(files), batch_size)
        ahead = pool.map(usable, files[:batch_size])
        for begin in tqdm(begins, "verification", unit="batch", delay=2, leave=False):
            crops = list(ahead)
            ahead = pool.map(usable, files[begin + batch_size : begin + 2 * batch_size])
            yield begin, crops
