"""The recipes "reference" and "best" on a folder of images of people."""

import argparse
import dataclasses
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from facecore import checkpoint
from facecore.augment import augmentation, resize
from facecore.config import ModelConfig
from facecore.data.layout import find_layout
from facecore.data.pictures import FilePictures, Pictures, row_loader
from facecore.data.samplers import PK, Balanced, Shuffled
from facecore.data.small_images import small_image_notice
from facecore.device import pick_precision
from facecore.errors import DataError
from facecore.models import EmbeddingNetwork, Student
from facecore.models.heads import make_head
from facecore.train.batches import Loading, Sampler
from facecore.train.distributed import Ranks
from facecore.train.job import Figures, Job
from facecore.train.recipes.classify import Classification
from facecore.train.recipes.measuring import PairLists, check_names, embedder, listed, open_pictures
from facecore.train.recipes.networks import make_network, saved_classifier
from facecore.train.state import Progress
from facecore.train.validation import Accuracy, accuracy
from facecore.transforms import Preset
from facecore.transforms import preset as make_preset


def classification_job(a: argparse.Namespace, loading: Loading, ranks: Ranks) -> Job:
    """Everything that a run of classification needs.

    Raises:
        DataError: the folder cannot be used.
        ModelError: the model of `--init` cannot be used.
    """
    if a.licences:
        raise DataError(f"--licences chooses faces of shards, which the recipe {a.recipe} does not read")
    layout = find_layout(a.data)
    preset = make_preset(a.preset, a.size)
    folder = listed(layout.train)
    classes = folder.classes
    check_names(layout.train, classes)
    validation = {"val": layout.val, "test": layout.test}
    measured = {name: FilePictures(listed(path, classes), preset) for name, path in validation.items() if path}
    lists = PairLists(layout, preset)
    if ranks.main:
        print(f"{layout.train}: {len(folder):,} images of {len(classes):,} people", file=sys.stderr)
        if notice := small_image_notice(folder, preset):
            print(notice, file=sys.stderr)
    network, config = make_network(a)
    head = make_head(
        a.head, network.embedding_dim, len(classes), scale=a.head_scale, margin=a.margin, subcentres=a.subcentres
    )
    objective = Classification(network, head, a.margin_warmup)
    measure = _Measure(a, objective, measured, lists, loading, ranks)
    pictures = open_pictures(folder, preset, a, loading, ranks)
    if a.init and not a.resume:
        _imprint(objective, pictures, preset, loading, measure.autocast)
    return Job(
        objective=objective,
        network=network,
        pictures=pictures,
        make_sampler=partial(make_sampler, a, pictures.labels),
        preset=preset,
        augment=augmentation(a.augment),
        save=partial(_save, objective, config, classes),
        validate=measure.validate if "val" in measured or lists.verifier else None,
        finish=measure.finish,
    )


def make_sampler(a: argparse.Namespace, labels: NDArray[np.int64], batch_size: int) -> Sampler:
    """The sampler that the flags ask for.

    Raises:
        ValueError: it does not fit the data or the batch size.
    """
    if a.sampler == "balanced":
        return Balanced(labels, batch_size, a.seed)
    if a.sampler == "pk":
        if a.people * a.per_person != batch_size:
            raise ValueError(f"--people {a.people} times --per-person {a.per_person} is not --batch-size {batch_size}")
        return PK(labels, a.people, a.per_person, a.seed)
    return Shuffled(len(labels), batch_size, a.seed)


def _imprint(
    objective: Classification, pictures: Pictures, preset: Preset, loading: Loading, autocast: torch.dtype | None
) -> None:
    """Set the centres of the head from the embeddings that the network has already."""
    network = objective.network.to(loading.device).eval()
    embed = embedder(network, preset, loading.device, autocast, unit=False)
    rows, parts, labels = np.arange(len(pictures)), [], []
    loader = row_loader(pictures, rows, 128, loading.workers, loading.start)
    for faces, taken, _ in tqdm(loader, desc="embedding", unit="batch", delay=2, leave=False):
        parts.append(embed(resize(faces, preset.size)))
        labels.append(pictures.labels[taken])
    embeddings = torch.from_numpy(np.concatenate(parts))
    objective.imprint(embeddings, torch.from_numpy(np.concatenate(labels)), isinstance(network, Student))


def _save(
    objective: Classification, config: ModelConfig, classes: tuple[str, ...], directory: Path, progress: Progress
) -> None:
    network: EmbeddingNetwork = objective.network
    training = {**config.training, "steps": progress.step, "hours": round(progress.seconds / 3600, 3)}
    config = dataclasses.replace(config, training=training)
    whole, config = saved_classifier(network, objective.head.linear(), config, len(classes))
    checkpoint.save(directory, whole, config, classes)


class _Measure:
    """Accuracy and AUC of the network as it is."""

    def __init__(
        self,
        a: argparse.Namespace,
        objective: Classification,
        folders: dict[str, FilePictures],
        lists: PairLists,
        loading: Loading,
        ranks: Ranks,
    ) -> None:
        self.a, self.objective, self.lists, self.loading, self.ranks = a, objective, lists, loading, ranks
        self.folders = folders
        self.autocast = pick_precision(a.precision, loading.device)
        self.embed = embedder(objective.network, make_preset(a.preset, a.size), loading.device, self.autocast)
        self.results: dict[str, object] = {}

    def validate(self) -> Figures:
        """The accuracy, by all ranks together, and the AUC, by the main one."""
        return self._figures(self.ranks)

    def _figures(self, ranks: Ranks) -> Figures:
        found = self._accuracy("val", ranks) if "val" in self.folders else None
        area = self.lists.auc(self.embed) if ranks.main else None
        self.results = {"val_accuracy": None if found is None else found.value, "verification_auc": area}
        return Figures(None if found is None else found.value, area)

    def finish(self, run: Path) -> None:
        """Test accuracy, calibration, and what to do next."""
        self.objective.eval()
        if not self.results:  # the run was stopped after its last validation, and goes on here
            self._figures(Ranks())
        if "test" in self.folders:
            self.results["test_accuracy"] = self._accuracy("test", Ranks()).value
        self.lists.finish(run, self.results, self.a.device, not self.a.no_calibration)

    def _accuracy(self, which: str, ranks: Ranks) -> Accuracy:
        pictures = self.folders[which]
        found = accuracy(
            self.objective.name, pictures, pictures.preset, pictures.preset.size, self.loading, ranks, self.autocast,
            what=f"measuring {which}",
        )  # fmt: skip
        if found.unreadable and ranks.main:
            print(f"{pictures.folder.root}: {found.unreadable} images cannot be read and do not count", file=sys.stderr)
        return found
