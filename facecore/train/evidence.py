"""What a trained model's scores mean: calibrated on one half of the verification pairs, judged on the other."""

import copy
import dataclasses
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from facecore import checkpoint
from facecore.backends import unit
from facecore.checkpoint import Model
from facecore.data.parquet import VAL_SPLITS, FaceShards, read_pairs, read_shards
from facecore.device import pick_device
from facecore.errors import DataError
from facecore.files import sha256
from facecore.models import Student
from facecore.recognizer import FaceRecognizer
from facecore.transforms import Preset
from facecore.verification.calibration import Calibration
from facecore.verification.fitting import evidence, fit
from facecore.verification.metrics import tar_at_far
from facecore.verification.scores import cosines

CHOICE_FAR = 1e-3
CENTRE_FACES = 8192  # of the training faces, evenly taken: the mean of more differs from theirs by under a hundredth
SHARES = tuple(tenths / 10 for tenths in range(11))
"""How much the first teacher's cosine may count; the second gets the rest."""


def calibrate_on_shards(
    model: Path, data: Path, device: str = "auto", batch_size: int = 128, *, flip: bool = False
) -> Calibration:
    """A calibration fitted on the half "fit" of the verification pairs, with evidence from the half "test".

    The impostor pairs of all pools count together. The model is read from its directory, so that what is calibrated
    is what users get, rounded weights included.

    Args:
        model: a model directory.
        data: a folder of shards with val_pairs.parquet.
        device: where the network runs.
        batch_size: faces in one pass.
        flip: whether the mirror image of each face counts with it.

    Raises:
        ModelError: the model cannot be used.
        DataError: shards or pairs cannot be used.
    """
    recognizer = FaceRecognizer(checkpoint.load(model, flip=flip), device=device)
    shards = read_shards(data, VAL_SPLITS)
    embeddings = _embed(recognizer, shards, batch_size)
    halves = {half: _scored(read_pairs(data, half), shards.ids, embeddings) for half in ("fit", "test")}
    known = halves["fit"]
    source = {"data": "val_pairs.parquet, half fit, all pools", "digest": sha256(data / "val_pairs.parquet")}
    scores, same = known["score"].to_numpy(), known["same"].to_numpy(bool)
    calibration = fit(scores[same], scores[~same], source=source)
    test = halves["test"]
    figures = evidence(calibration, test["score"].to_numpy(), test["same"].to_numpy(bool), test["pool"].to_numpy(str))
    return dataclasses.replace(calibration, evidence=figures)


def choose_weights(model: Path, data: Path, device: str = "auto", batch_size: int = 128) -> dict[str, float]:
    """The weights of a student's two parts that tell people apart best on the half "fit".

    What is best for the teachers themselves need not be for the student, which follows one of them more closely than
    the other. Best means the highest TAR at FAR 1e-3 with all pools of impostors together.

    Args:
        model: a model directory with a student of two teachers; a student of one keeps its weights.
        data: a folder of shards with val_pairs.parquet.
        device: where the network runs.
        batch_size: faces in one pass.

    Raises:
        ModelError: the model cannot be used.
        DataError: shards or pairs cannot be used, or the model is no student.
    """
    loaded = checkpoint.load(model)
    student = _student(loaded)
    names = list(student.heads)
    if len(names) != 2:
        return student.weights
    # Any weights but zero will do here: each part is brought to length one again.
    student.weights = dict.fromkeys(names, 1.0)
    recognizer = FaceRecognizer(loaded, device=device)  # runs a copy of the network as it now is
    shards = read_shards(data, VAL_SPLITS)
    embeddings = _embed(recognizer, shards, batch_size)
    width = student.head(names[0]).linear.out_features
    pairs = read_pairs(data, "fit")
    first, second = (
        _scored(pairs, shards.ids, part / np.linalg.norm(part, axis=1, keepdims=True))["score"].to_numpy()
        for part in (embeddings[:, :width], embeddings[:, width:])
    )
    same = pairs["same"].to_numpy(bool)
    tar = {share: tar_at_far(share * first + (1 - share) * second, same, CHOICE_FAR).tar for share in SHARES}
    best = max(tar, key=lambda share: tar[share])
    for share, value in tar.items():
        print(f"share of {names[0]} {share:.1f}: TAR {100 * value:.2f} % at FAR {CHOICE_FAR:g}", file=sys.stderr)
    # The cosine of an embedding weighs its parts by the squares of their lengths.
    return {names[0]: best**0.5, names[1]: (1 - best) ** 0.5}


def choose_centre(
    model: Path,
    data: Path,
    names: Collection[str],
    device: str = "auto",
    batch_size: int = 128,
    licences: Sequence[str] = (),
) -> bool:
    """Subtract what all of a student's answers have in common, if that tells people apart better on the half "fit".

    Answers share a part that tells nothing of who somebody is, and photos of one kind share more of it than those of
    another, so that strangers on them score higher: of a student of teacher2, the mean of unit length answers was 0.32
    long over FairFace and 0.11 over CelebA. Better means a higher TAR at FAR 1e-3 with all pools of impostors together.

    Args:
        model: a model directory with a student; written anew, without a calibration, where that is better.
        data: a folder of shards with val_pairs.parquet.
        names: the heads to do it for: those whose teachers' embeddings lie spread on the sphere.
        device: where the network runs.
        batch_size: faces in one pass.
        licences: of the faces that the mean is taken over, as in training; none: all.

    Returns:
        Whether the mean was subtracted.

    Raises:
        ModelError: the model cannot be used.
        DataError: shards or pairs cannot be used, or the model is no student.
    """
    loaded = checkpoint.load(model)
    student = _student(loaded)
    if not names:
        return False
    where = pick_device(device)
    faces = read_shards(data, ["train"], licences=licences, most=CENTRE_FACES).images
    means = {name: rows.mean(0) for name, rows in _answers(student, loaded.input, faces, where, batch_size).items()}
    pairs, shards = read_pairs(data, "fit"), read_shards(data, VAL_SPLITS)
    rows = np.flatnonzero(np.isin(shards.ids, pairs[["left", "right"]]))
    answers = _answers(student, loaded.input, shards.images[rows], where, batch_size)
    same = pairs["same"].to_numpy(bool)

    def tar(shift: float) -> float:
        moved = {name: answer - shift * means[name] * (name in names) for name, answer in answers.items()}
        joined = np.concatenate([student.weights[name] * unit(part) for name, part in moved.items()], axis=1)
        scores = _scored(pairs, shards.ids[rows], unit(joined))["score"].to_numpy()
        return tar_at_far(scores, same, CHOICE_FAR).tar

    found = {words: tar(shift) for words, shift in (("kept", 0.0), ("subtracted", 1.0))}
    for words, value in found.items():
        print(f"mean answer {words}: TAR {100 * value:.2f} % at FAR {CHOICE_FAR:g}", file=sys.stderr)
    if found["subtracted"] <= found["kept"]:
        return False
    for name in names:
        student.head(name).mean -= torch.from_numpy(means[name])
    training = {**loaded.config.training, "centred": sorted(names)}
    checkpoint.save(model, student, dataclasses.replace(loaded.config, training=training), loaded.classes)
    return True


def _student(loaded: Model) -> Student:
    student = loaded.network
    if not isinstance(student, Student):
        raise DataError(f"{loaded.directory}: only a student has parts to weigh, this is a {type(student).__name__}")
    return student


@torch.inference_mode()
def _answers(
    student: Student, preset: Preset, faces: NDArray[np.uint8], device: torch.device, batch_size: int
) -> dict[str, NDArray[np.float32]]:
    """What each head says of faces (N, 112, 112, 3) in its teacher's own space: (N, D) float32 by its name."""
    network = copy.deepcopy(student).to(device).to(memory_format=torch.channels_last)
    answers: dict[str, list[NDArray[np.float32]]] = {name: [] for name in network.heads}
    for start in tqdm(range(0, len(faces), batch_size), "embedding", unit="batch"):
        crops = [preset.fit(face) for face in faces[start : start + batch_size]]
        batch = torch.from_numpy(preset.array(crops)).to(device, memory_format=torch.channels_last)
        for name, part in network.parts(batch).items():
            answers[name].append(network.head(name).raw(part).float().cpu().numpy())
    return {name: np.concatenate(rows) for name, rows in answers.items()}


def _embed(recognizer: FaceRecognizer, shards: FaceShards, batch_size: int) -> np.ndarray:
    crops = [recognizer.input.fit(face) for face in shards.images]
    batches = range(0, len(crops), batch_size)
    rows = [recognizer.encode(crops[i : i + batch_size], batch_size) for i in tqdm(batches, "embedding", unit="batch")]
    return np.concatenate(rows)


def _scored(pairs: pd.DataFrame, ids: np.ndarray, embeddings: np.ndarray) -> pd.DataFrame:
    """The pairs with a column `score`, the cosine."""
    index = pd.Index(ids)
    left, right = (index.get_indexer(pd.Index(pairs[side])) for side in ("left", "right"))
    if min(left.min(), right.min()) < 0:
        raise DataError("val_pairs.parquet names a face that is in no shard: all shards of a set belong together")
    return pairs.assign(score=cosines(embeddings, left, right))
