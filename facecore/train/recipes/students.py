"""The student that a distillation begins with: a fresh one, or one that goes on from another."""

import copy
from collections.abc import Collection, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from torch import nn
from tqdm import tqdm

from facecore.augment import resize
from facecore.backends import unit
from facecore.data.pictures import Pictures
from facecore.errors import DataError
from facecore.models import Student
from facecore.models.resnet import Stem
from facecore.models.student import AffineHead, Backbone
from facecore.train.recipes.distill_losses import TEACHERS, Teacher
from facecore.transforms import Preset

SOLVED_FACES = 8192  # for 512 features; of 4,096 or 46,790 the result was the same to 0.3 points of TAR
PENALTY = 0.025  # on the squares of a head's weights, for features of variance one; ten times as much was worse


def make_student(
    targets: Mapping[str, NDArray[np.float32]],
    backbone: Backbone = "resnet18",
    stem: Stem = "7x7",
    teachers: Mapping[str, Teacher] = TEACHERS,
) -> Student:
    """A fresh student, its heads set to the mean and the scale of the teachers' embeddings.

    Args:
        targets: (N, D) float32 by the teacher's name; rows that begin with NaN do not count.
        backbone: see `Student`.
        stem: see `ResNet`.
        teachers: how each of them is followed.

    Raises:
        DataError: a teacher's name cannot name a part of a network, or it has no embedding at all.
    """
    for name, target in targets.items():
        _check_teacher(name, target)
    dims = {name: target.shape[1] for name, target in targets.items()}
    student = Student(dims, {name: teachers[name].weight for name in targets}, backbone, stem)
    for name, target in targets.items():
        if teachers[name].standardise:
            _standardise(student.head(name), target)
    return student


def go_on_from(
    student: Student,
    targets: Mapping[str, NDArray[np.float32]],
    teachers: Mapping[str, Teacher] = TEACHERS,
    centred: Collection[str] = (),
) -> Student:
    """A student that goes on from another, with heads for the teachers at hand and no others.

    A teacher that is new gets a fresh head, which `solve_head` can make answer at once.

    Args:
        student: to go on from.
        targets: as in `make_student`.
        teachers: how each of them is followed.
        centred: the heads from whose answers something was subtracted after training; that is undone, since the
            teacher's answers have it.

    Raises:
        DataError: a teacher's name cannot name a part of a network, it has no embedding at all, or they have another
            width than those that the student has learned from.
    """
    for name, target in targets.items():
        _check_teacher(name, target)
        if name in student.heads and (width := student.head(name).linear.out_features) != target.shape[1]:
            raise DataError(f"the embeddings of {name} have {target.shape[1]} numbers, the model has learned {width}")
    old = [name for name in student.heads if name in targets]
    new = [name for name in targets if name not in student.heads]
    weights = {name: teachers[name].weight if new else student.weights[name] for name in (*old, *new)}
    if max(weights.values()) <= 0:
        weights = dict.fromkeys(weights, 1.0)
    made = student.with_heads({name: targets[name].shape[1] for name in weights}, weights)
    for name in old:
        if name in centred:
            mean = _known(targets[name]).mean(0) if teachers[name].standardise else np.float32(0)
            made.head(name).mean.copy_(torch.as_tensor(mean))
    for name in new:
        if teachers[name].standardise:
            _standardise(made.head(name), targets[name])
    return made


@torch.inference_mode()
def solve_head(
    student: Student,
    name: str,
    pictures: Pictures,
    target: NDArray[np.float32],
    preset: Preset,
    standardise: bool,
    device: torch.device,
    most: int = SOLVED_FACES,
) -> None:
    """Make a fresh head answer as well as the features that the student has allow: ridge regression.

    A head that begins with random answers pulls the backbone about until it has learned something.

    Args:
        student: gets the head's weights; its backbone stays.
        name: of the head.
        pictures: to train on.
        target: (N, D) float32, the teacher's embeddings of them; rows of NaN where it gave none.
        preset: how the network's input is normalised.
        standardise: whether the head answers in the standardised space; else for embeddings of length one.
        device: where the network runs meanwhile.
        most: pictures to look at, 1 or more, evenly spread.
    """
    network = copy.deepcopy(student).to(device).to(memory_format=torch.channels_last).eval()
    known = np.flatnonzero(~np.isnan(target[:, 0]))
    rows = known[np.unique(np.linspace(0, len(known) - 1, min(most, len(known))).round().astype(np.int64))]
    features, answers = [], []
    for batch in tqdm(np.array_split(rows, -(-len(rows) // 128)), f"a head for {name}", unit="batch"):
        faces, taken, _ = pictures.take(batch)
        ready = preset.normalise(resize(faces.to(device), preset.size).float().div_(255))
        seen = network.features(ready.contiguous(memory_format=torch.channels_last))
        features.append(seen.float().cpu().numpy())
        answers.append(target[taken])
    x, y = np.concatenate(features), np.concatenate(answers)
    x, y = x[~np.isnan(y[:, 0])], y[~np.isnan(y[:, 0])]
    head = student.head(name)
    y = head.standardise(torch.from_numpy(y)).numpy() if standardise else unit(y)
    solved = Ridge(alpha=PENALTY * len(x)).fit(x, y)
    head.linear.weight.copy_(torch.from_numpy(solved.coef_))
    head.linear.bias.copy_(torch.from_numpy(solved.intercept_))


def _standardise(head: AffineHead, target: NDArray[np.float32]) -> None:
    """Set the map back to the teacher's own space to the mean and the scale of its embeddings."""
    known = _known(target)
    mean = known.mean(0)
    head.mean.copy_(torch.from_numpy(mean))
    head.scale.fill_(float((known - mean).std()))


def _known(target: NDArray[np.float32]) -> NDArray[np.float32]:
    return target[~np.isnan(target[:, 0])]


def _check_teacher(name: str, target: NDArray[np.float32]) -> None:
    if not name.isidentifier() or hasattr(nn.ModuleDict(), name):
        raise DataError(f"a teacher cannot be called {name!r}: give its column a name of letters, digits and _")
    if np.isnan(target[:, 0]).all():
        raise DataError(f"the teacher {name} has no embedding of any training image")
