"""The recipe "distill" on shards with teachers' embeddings, or on a folder of images and a teacher."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facecore import checkpoint
from facecore.augment import augmentation
from facecore.config import ModelConfig
from facecore.data.folder import FaceFolder, find_photos
from facecore.data.layout import Layout, find_layout
from facecore.data.parquet import read_pairs, read_shards, teacher_names
from facecore.data.pictures import HeldPictures, Pictures, as_tensor
from facecore.data.targets import read_targets, teacher_targets
from facecore.device import pick_precision
from facecore.errors import DataError
from facecore.flags import onnx_from
from facecore.models import Student
from facecore.models.heads import Head, make_head
from facecore.pretrained import find_model
from facecore.train.batches import Loading
from facecore.train.blend import choose_blend
from facecore.train.distributed import Ranks
from facecore.train.evidence import calibrate_on_shards
from facecore.train.job import Figures, Job
from facecore.train.recipes.classify_job import make_sampler
from facecore.train.recipes.distill import Distillation
from facecore.train.recipes.distill_losses import Teacher, follow
from facecore.train.recipes.measuring import PairLists, check_names, embedder, listed, open_pictures
from facecore.train.recipes.networks import ALIGNMENT
from facecore.train.recipes.students import go_on_from, make_student, solve_head
from facecore.train.state import Progress
from facecore.transforms import Preset
from facecore.transforms import preset as make_preset

TEACHER = "teacher"  # name of the one teacher of a folder of images


@dataclass(frozen=True)
class _Source:
    """What is learned from, wherever it comes from.

    Attributes:
        pictures: to train on.
        targets: (N, D) float32 by the teacher's name.
        teachers: how each is followed.
        classes: names of the people; empty where there are no labels.
        lists: pairs to measure on, for folders of images.
    """

    pictures: Pictures
    targets: Mapping[str, NDArray[np.float32]]
    teachers: Mapping[str, Teacher]
    classes: tuple[str, ...]
    lists: PairLists | None


def distillation_job(a: argparse.Namespace, loading: Loading, ranks: Ranks) -> Job:
    """Everything that a run of distillation needs.

    Raises:
        DataError: the data cannot be used.
        ModelError: the model of `--init` or `--teacher` cannot be used.
    """
    preset = make_preset(a.preset, a.size)
    shards = any(Path(a.data).glob("faces-*.parquet"))
    source = _from_shards(a, loading) if shards else _from_folder(a, preset, loading, ranks)
    torch.manual_seed(a.seed)  # a teacher that was loaded has drawn random numbers, a table has not
    student = _initial(a.init, source, preset, loading) if a.init else _fresh(a, source)
    head = _label_head(a, student, source.classes)
    objective = Distillation(
        student,
        {name: torch.from_numpy(target) for name, target in source.targets.items()},
        source.teachers,
        bank_size=a.bank_size,
        seed=a.seed,
        label_head=head,
        label_weight=a.label_weight,
        margin_warmup=a.margin_warmup,
    )
    labels = source.pictures.labels
    if a.sampler != "shuffled" and not source.classes:
        raise DataError(f"--sampler {a.sampler} needs images with labels, and there are none")
    return Job(
        objective=objective,
        network=student,
        pictures=source.pictures,
        make_sampler=partial(make_sampler, a, labels),
        preset=preset,
        augment=augmentation(a.augment),
        save=partial(_save, student, _config(a, list(source.targets)), source.classes if head else ()),
        validate=_validation(a, student, source.lists, preset, loading, ranks),
        finish=partial(_finish, a, source.lists),
    )


def _from_shards(a: argparse.Namespace, loading: Loading) -> _Source:
    names = a.teachers or list(teacher_names(a.data))
    if a.teacher or a.targets:
        raise DataError(f"{a.data}: shards bring their own embeddings: leave out --teacher and --targets")
    if not a.no_calibration:
        read_pairs(a.data, "fit")  # needed at the end, and better missed now than after hours
    read = read_shards(a.data, ["train"], names, people=a.label_weight > 0, licences=a.licences or ())
    faces = as_tensor(read.images).to(loading.device)
    return _Source(
        HeldPictures(faces, read.labels, read.name),
        read.targets,
        follow(names, a.target_loss, True),
        read.classes,
        None,
    )


def _from_folder(a: argparse.Namespace, preset: Preset, loading: Loading, ranks: Ranks) -> _Source:
    if a.licences:
        raise DataError(f"{a.data}: --licences chooses faces of shards (faces-*.parquet), and there are none here")
    if bool(a.teacher) == bool(a.targets):
        raise DataError(
            f"{a.data}: no shards (faces-*.parquet) here: give --teacher MODEL or --targets FILE, one of them"
        )
    folder, layout = _images(a.data, labelled=a.label_weight > 0)
    if ranks.main:
        people = f" of {len(folder.classes):,} people" if folder.classes else ", unlabelled"
        print(f"{folder.root}: {len(folder):,} images{people}", file=sys.stderr)
    target = read_targets(a.targets, a.index, folder) if a.targets else _asked(a, folder, loading, ranks)
    lists = PairLists(layout, preset) if layout is not None else None
    pictures = open_pictures(folder, preset, a, loading, ranks)
    return _Source(pictures, {TEACHER: target}, follow([TEACHER], a.target_loss), folder.classes, lists)


def _asked(a: argparse.Namespace, folder: FaceFolder, loading: Loading, ranks: Ranks) -> NDArray[np.float32]:
    """What the teacher says of all images: the main process asks and keeps it, the others read what was kept."""
    ask = partial(teacher_targets, a.teacher, folder, a.out, onnx=onnx_from(a), device=str(loading.device))
    if ranks.main:
        answer = ask()
        ranks.wait()
        return answer
    ranks.wait()
    return ask()


def _images(data: Path, labelled: bool) -> tuple[FaceFolder, Layout | None]:
    """Labelled images where the training folder has people in it, otherwise all images that are in it.

    Raises:
        DataError: there is no image, or labels are needed and cannot be had.
    """
    try:
        layout = find_layout(data)
    except DataError:
        return find_photos(data), None
    try:
        folder = listed(layout.train)
        check_names(layout.train, folder.classes)
    except DataError:
        if labelled:
            raise
        folder = find_photos(layout.train)  # not `data`, where validation and test photos may be
    return folder, layout


def _fresh(a: argparse.Namespace, source: _Source) -> Student:
    if a.arch == "alexnet":
        raise DataError("--arch alexnet: a student has the backbone resnet18 or resnet34")
    return make_student(source.targets, a.arch, a.stem, source.teachers)


def _initial(name: str, source: _Source, preset: Preset, loading: Loading) -> Student:
    loaded = checkpoint.load(find_model(name))
    if not isinstance(loaded.network, Student):
        raise DataError(f"{name}: the recipe distill goes on from a student, this is a {type(loaded.network).__name__}")
    new = [teacher for teacher in source.targets if teacher not in loaded.network.heads]
    if new:
        known = ", ".join(loaded.network.heads)
        print(f"{name} was taught by {known}: a fresh head for {', '.join(new)}", file=sys.stderr)
    centred = loaded.config.training.get("centred", ())
    student = go_on_from(loaded.network, source.targets, source.teachers, centred)
    for one in new:
        how = source.teachers[one].standardise
        solve_head(student, one, source.pictures, source.targets[one], preset, how, loading.device)
    return student


def _label_head(a: argparse.Namespace, student: Student, classes: tuple[str, ...]) -> Head | None:
    if not a.label_weight:
        return None
    if len(classes) < 2:
        raise DataError(f"--label-weight {a.label_weight:g}: the data names fewer than two people")
    return make_head(
        a.head, student.embedding_dim, len(classes), scale=a.head_scale, margin=a.margin, subcentres=a.subcentres
    )


def _config(a: argparse.Namespace, teachers: list[str]) -> ModelConfig:
    training = {"recipe": a.recipe, "teachers": teachers, "phases": a.phases, "epochs": a.epochs, "seed": a.seed}
    if a.licences:
        training["licences"] = a.licences
    return ModelConfig("student", {}, a.preset, a.size, ALIGNMENT if a.preset == "aligned" else None, training)


def _save(student: Student, config: ModelConfig, classes: tuple[str, ...], directory: Path, progress: Progress) -> None:
    training = {**config.training, "steps": progress.step, "hours": round(progress.seconds / 3600, 3)}
    config = dataclasses.replace(config, arguments=student.arguments, training=training)
    checkpoint.save(directory, student, config, classes)


def _validation(
    a: argparse.Namespace, student: Student, lists: PairLists | None, preset: Preset, loading: Loading, ranks: Ranks
) -> Callable[[], Figures] | None:
    """Measures the student on the first labelled list of pairs; None where there is none."""
    if lists is None or lists.verifier is None:
        return None
    embed = embedder(student, preset, loading.device, pick_precision(a.precision, loading.device))
    return lambda: Figures(auc=lists.auc(embed)) if ranks.main else Figures()


def _finish(a: argparse.Namespace, lists: PairLists | None, run: Path) -> None:
    """On shards: where the embedding's zero is, the weights of its parts, and a calibration, from the pairs there."""
    if lists is not None:
        lists.finish(run, {}, a.device, not a.no_calibration)
        return
    model = run / "last"
    print(f"wrote {model}", file=sys.stderr)
    if a.no_calibration or not (Path(a.data) / "val_pairs.parquet").exists():
        print(f"{model} has no calibration: see python -m eval.calibrate --help", file=sys.stderr)
        return
    choose_blend(model, a.data, a.device, licences=a.licences or ())
    calibration = calibrate_on_shards(model, a.data, a.device)
    checkpoint.save_calibration(model, calibration)
    print(json.dumps(calibration.evidence, indent=1))
