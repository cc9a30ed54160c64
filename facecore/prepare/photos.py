"""A folder of photos -> faces: found and cut out in worker processes, embedded here, judged and written at the end."""

import functools
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from facecore.data.folder import FaceFolder, check_spellings, find_photos
from facecore.device import usable_cores
from facecore.errors import DataError
from facecore.faces.detector import Policy
from facecore.prepare.encode import Format
from facecore.prepare.pairs import draw_lists
from facecore.prepare.pieces import STATE, Pieces, open_pieces
from facecore.prepare.pool import Lost, Workers
from facecore.prepare.report import REPORT, write_report
from facecore.prepare.split import Dealt, Split, deal_faces, describe
from facecore.prepare.verdicts import Limits, judge
from facecore.prepare.worker import Cut, Job, begin, cut
from facecore.prepare.write import face_names, write_shards, write_tree
from facecore.pretrained import DEFAULT_MODEL
from facecore.spec import RecognizerSpec

if TYPE_CHECKING:
    from facecore.recognizer import FaceRecognizer

BATCH = 32
NETWORK_SHARE = 3
"""The network gets a third of the cores: finding a face takes about twice as long as embedding it."""


@dataclass(frozen=True)
class Settings:
    """What comes out, as opposed to how it is done.

    Attributes:
        size: side of a face in pixels.
        face: which face, where a photo has several.
        to: "folder" writes a tree of image files, "parquet" shards.
        format: of the images.
        quality: 1..100, of WebP and JPEG.
        limits: what is left out.
        model: embeds the faces, where `limits` asks for that.
        device: where the model runs.
        detector_backend: what finds faces.
        split: how faces are dealt out; None writes one tree of them.
    """

    size: int = 112
    face: Policy = "largest"
    to: Literal["folder", "parquet"] = "folder"
    format: Format = "webp"
    quality: int = 95
    limits: Limits = field(default_factory=Limits)
    model: str = DEFAULT_MODEL
    device: str = "auto"
    detector_backend: str = "auto"
    split: Split | None = None


@dataclass(frozen=True)
class Prepared:
    """What was done.

    Attributes:
        report: see `verdicts.judge`; with a split also `face`, the path of each face that is kept below the folder.
        parts: lines on how faces were dealt out; empty without a split.
    """

    report: pd.DataFrame
    parts: tuple[str, ...] = ()


def prepare_photos(photos: Path, out: Path, settings: Settings, workers: int, timeout: float) -> Prepared:
    """Write the faces of all photos below a folder, or go on with a run that was stopped.

    Args:
        photos: folder with a folder of photos for each person; photos right in it, where there are no others, are
            unlabelled.
        out: folder that is written; it must be new or empty, or hold a run with these settings that was stopped.
        settings: what comes out.
        workers: processes that read photos; 0 does it here.
        timeout: seconds after which a photo is given up.

    Returns:
        The report, which is also in `out`/report.csv, and what is in each part.

    Raises:
        DataError: there are no photos, `out` holds something else, two folders are spellings of one person, no face is
            left, or people are to be dealt out and there are none.
        ModelError: the model cannot be used.
        ValueError: a setting is out of range, or one folder lies in the other.
        OSError: something cannot be written.
    """
    _check_apart(photos, out)
    found = find_photos(photos)
    paths = [found.name(row) for row in range(len(found))]
    labelled = any("/" in path for path in paths)
    people = [path.split("/")[0] if "/" in path else "" for path in paths]
    check_spellings(photos, sorted(set(people)))
    if settings.split is not None:
        _check_people(photos, len(set(people) - {""}), settings.split)
    recognizer = None
    if labelled and (settings.limits.need_embeddings or settings.split is not None):
        recognizer = RecognizerSpec(settings.model, device=settings.device).make()
    pieces = open_pieces(out, _record(settings, found), len(found))
    _cut_all(found, pieces, settings, recognizer, workers, timeout)
    facts = pieces.facts().assign(path=paths, person=people)
    vectors = None if recognizer is None else pieces.embeddings()
    report = judge(facts, labelled, vectors, settings.limits)
    names = face_names(paths, settings.format)
    parts: tuple[str, ...] = ()
    if settings.split is not None:
        parts = _write_parts(out, report, pieces, deal_faces(report, names, vectors, settings.split), settings.split)
    elif settings.to == "folder":
        write_tree(out, report, pieces, dict(enumerate(names)))
    else:
        write_shards(out, report, pieces)
    write_report(report, out)
    shutil.rmtree(out / STATE)
    if not (report["status"] == "kept").any():
        raise DataError(f"{photos}: no face is left to train with; {out / REPORT} says why for each photo")
    return Prepared(report, parts)


def _write_parts(out: Path, report: pd.DataFrame, pieces: Pieces, dealt: Dealt, split: Split) -> tuple[str, ...]:
    """Write the folders and lists, note in the report where each face is, and say what is in each part."""
    faces = dealt.faces
    files = dict(zip(faces.index, faces["name"], strict=True))
    report["face"] = [files.get(row, "") for row in report.index]
    write_tree(out, report, pieces, files)
    names = dict(zip(faces["id"], faces["name"], strict=True))
    lists = draw_lists(out, dealt.groups(), names, split.pairs, np.random.default_rng((split.seed, 1)))
    return tuple(describe(dealt, lists, split))


def _check_apart(photos: Path, out: Path) -> None:
    inner, outer = out.resolve(), photos.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise ValueError(f"{out} and {photos}: one lies in the other; give a folder apart from the photos")


def _check_people(photos: Path, people: int, split: Split) -> None:
    if not people:
        raise DataError(f"{photos}: --split needs a folder of photos for each person, and there is none")
    if split.people == 1:
        raise ValueError("--verification-people 1 makes no pairs of two people: give 0, or 2 or more")
    if split.people and split.people > people - 2:
        raise ValueError(
            f"--verification-people {split.people}: of {people} people that leaves {max(people - split.people, 0)} to "
            "train on, and two are the least"
        )


def _record(settings: Settings, found: FaceFolder) -> dict[str, Any]:
    """What a run must have in common with the one that it goes on with."""
    known = {name: value for name, value in asdict(settings).items() if name not in ("limits", "device")}
    split = known["split"] or {}
    known["split"] = bool(split)
    return {
        **known,
        **split,
        **asdict(settings.limits),
        "photos": f"{len(found)} ({hashlib.sha256(found.blob).hexdigest()})",
    }


def _cut_all(
    found: FaceFolder,
    pieces: Pieces,
    settings: Settings,
    recognizer: "FaceRecognizer | None",
    workers: int,
    timeout: float,
) -> None:
    """Make the pieces that are missing."""
    job = Job(
        settings.size,
        settings.face,
        settings.format,
        settings.quality,
        settings.detector_backend,
        None if recognizer is None else recognizer.input,
    )
    missing = pieces.missing()
    ends = {pieces.rows(number)[-1]: number for number in missing}
    rows = [row for number in missing for row in pieces.rows(number)]
    pool = Workers(functools.partial(cut, job), begin, workers, timeout, BATCH + 2 * workers)
    cuts: list[Cut | Lost] = []
    bar = tqdm(total=len(found), initial=len(found) - len(rows), desc="finding faces", unit="photo", mininterval=0.5)
    with bar, _threads(recognizer is not None and workers > 0):
        for row, result in zip(rows, pool.run([found.path(row) for row in rows]), strict=True):
            cuts.append(result)
            bar.update()
            if row in ends:
                pieces.write(ends[row], cuts, _embed(recognizer, cuts))
                cuts = []


def _embed(recognizer: "FaceRecognizer | None", cuts: list[Cut | Lost]) -> NDArray[np.float32] | None:
    if recognizer is None:
        return None
    crops = [cut.crop for cut in cuts if isinstance(cut, Cut) and cut.crop is not None]
    return recognizer.encode(crops, BATCH)


@contextmanager
def _threads(shared: bool) -> Iterator[None]:
    """Leave the cores to the workers, where there are some beside the network."""
    if not shared:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, usable_cores() // NETWORK_SHARE))
    try:
        yield
    finally:
        torch.set_num_threads(before)
