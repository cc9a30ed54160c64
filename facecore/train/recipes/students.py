"""The student that a distillation begins with: a fresh one, or one that goes on from another."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facecore.errors import DataError
from facecore.models import Student
from facecore.models.resnet import Stem
from facecore.models.student import AffineHead, Backbone
from facecore.train.recipes.distill_losses import TEACHERS, Teacher


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

    A teacher that is new gets a fresh head. Where its loss works on standardised embeddings the head begins by
    answering their mean whatever the face is, so that it moves the backbone only once it has learned something.

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
            nn.init.zeros_(made.head(name).linear.weight)
            nn.init.zeros_(made.head(name).linear.bias)
    return made


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
