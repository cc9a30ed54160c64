"""How the parts of a student's embedding go together: the zero of each, and how much it counts."""

import copy
import dataclasses
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from facecore import checkpoint
from facecore.backends import unit
from facecore.checkpoint import Model
from facecore.data.parquet import VAL_SPLITS, read_pairs, read_shards
from facecore.device import pick_device
from facecore.errors import DataError
from facecore.models import Student
from facecore.train.evidence import scored
from facecore.transforms import Preset
from facecore.verification.metrics import tar_at_far

CHOICE_FAR = 1e-3
CENTRE_FACES = 8192  # of the training faces, evenly taken: the mean of more differs from theirs by under a hundredth
SHARES = tuple(tenths / 10 for tenths in range(11))
"""How much the first teacher's cosine may count; the second gets the rest."""


def choose_blend(
    model: Path, data: Path, device: str = "auto", batch_size: int = 128, licences: Sequence[str] = ()
) -> None:
    """Set where a student's embedding has its zero, and how much each part counts, by the half "fit" of the pairs.

    Answers share a part that tells nothing of who somebody is, and photos of one kind share more of it than those of
    another, so that strangers on them score higher: of a student of teacher2, the mean of unit length answers was 0.32
    long over FairFace and 0.11 over CelebA. So for each head the mean answer is subtracted or kept; and where there are
    two, what is the best mixture for the teachers themselves need not be so for the student, which follows one of them
    more closely. All of this is tried together, and the highest TAR at FAR 1e-3 with all pools of impostors is taken.

    Args:
        model: a model directory with a student; written anew, without a calibration.
        data: a folder of shards with val_pairs.parquet.
        device: where the network runs.
        batch_size: faces in one pass.
        licences: of the faces that the mean is taken over, as in training; none: all.

    Raises:
        ModelError: the model cannot be used.
        DataError: shards or pairs cannot be used, or the model is no student.
    """
    loaded = checkpoint.load(model)
    student = _student(loaded)
    where = pick_device(device)
    faces = read_shards(data, ["train"], licences=licences, most=CENTRE_FACES).images
    means = {name: rows.mean(0) for name, rows in _answers(student, loaded.input, faces, where, batch_size).items()}
    pairs, shards = read_pairs(data, "fit"), read_shards(data, VAL_SPLITS)
    rows = np.flatnonzero(np.isin(shards.ids, pairs[["left", "right"]]))
    answers = _answers(student, loaded.input, shards.images[rows], where, batch_size)
    cosine = {
        (name, centred): scored(pairs, shards.ids[rows], unit(part - means[name] * centred))["score"].to_numpy()
        for name, part in answers.items()
        for centred in (False, True)
    }
    blend = _best(cosine, list(answers), student.weights, pairs["same"].to_numpy(bool))
    student.weights = blend.weights
    for name in blend.centred:
        student.head(name).mean -= torch.from_numpy(means[name])
    training = loaded.config.training
    if centred := {*training.get("centred", ()), *blend.centred}:
        training = {**training, "centred": sorted(centred)}
    config = dataclasses.replace(loaded.config, arguments=student.arguments, training=training)
    checkpoint.save(model, student, config, loaded.classes)


@dataclass(frozen=True)
class _Blend:
    """One way to put the parts of an embedding together.

    Attributes:
        weights: length of each part, by its teacher's name.
        centred: the parts whose mean is subtracted.
        tar: at CHOICE_FAR.
    """

    weights: dict[str, float]
    centred: tuple[str, ...]
    tar: float

    def __str__(self) -> str:
        shares = ", ".join(f"{name} {weight**2:.1f}" for name, weight in self.weights.items())
        words = f"shares {shares}; " if len(self.weights) > 1 else ""
        words += f"mean subtracted from {', '.join(self.centred)}" if self.centred else "no mean subtracted"
        return f"{words}: TAR {100 * self.tar:.2f} % at FAR {CHOICE_FAR:g}"


def _best(
    cosine: Mapping[tuple[str, bool], NDArray[np.float32]],
    names: Sequence[str],
    weights: Mapping[str, float],
    same: NDArray[np.bool_],
) -> _Blend:
    """Try all blends; tell of the best one of each choice of means, and of all shares beside the best of all."""
    # The cosine of an embedding weighs its parts by the squares of their lengths.
    tried = [dict(weights)]
    if len(names) == 2:
        tried = [{names[0]: share**0.5, names[1]: (1 - share) ** 0.5} for share in SHARES]

    def blended(weights: dict[str, float], centred: tuple[str, ...]) -> _Blend:
        parts = [weights[name] ** 2 * cosine[name, name in centred] for name in names]
        scores = np.sum(parts, axis=0) / sum(weight**2 for weight in weights.values())
        return _Blend(weights, centred, tar_at_far(scores, same, CHOICE_FAR).tar)

    choices = [chosen for count in range(len(names) + 1) for chosen in itertools.combinations(names, count)]
    found = {centred: [blended(one, centred) for one in tried] for centred in choices}
    firsts = [max(blends, key=lambda blend: blend.tar) for blends in found.values()]
    best = max(firsts, key=lambda blend: blend.tar)
    for blend in [*firsts, *(found[best.centred] if len(tried) > 1 else ())]:
        print(blend, file=sys.stderr)
    print(f"taken: {best}", file=sys.stderr)
    return best


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
