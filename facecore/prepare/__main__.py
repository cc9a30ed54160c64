"""Photos to a folder of aligned faces for training, and shards of faces back to a folder.

    python -m facecore.prepare PHOTOS OUT --split                              to train with, measures included
    python -m facecore.prepare PHOTOS OUT --size 112                           one tree of all faces
    python -m facecore.prepare SHARDS OUT --unpack --people 200 --photos 20    a part of a folder of shards

From photos of people to a model that tells people apart, these are the two commands:

    python -m facecore.prepare PHOTOS DATA --split
    python -m facecore.train DATA --recipe best --out RUN

Photos: it finds, aligns and cuts out the face in each photo. PHOTOS has a folder of photos for each person (or photos
right in it, which are then unlabelled); OUT gets the same tree of faces, or with --to parquet shards
(faces-*.parquet). What is left out and why is in OUT/report.csv and summed up at the end: photos that cannot be read,
without a face, with several (--face only), too small, the same photo twice, and faces that are so far from the others
of their person that the label is likely wrong. Stopped at any moment, the same command goes on where it was; a photo
that crashes or hangs its worker process costs itself alone.

With --split, OUT gets train_data, val_data and test_data: the same people, each in a folder, and other photos;
photos of one moment stay together, and people with few photos are in train_data alone. Some people are set aside,
with all of their photos, in verification_data: verification_pairs_val.txt lists pairs of them, which measure a model
on people that it does not know and calibrate it. Where they are enough, half of them are in a second list without
labels, verification_pairs_test.txt, for a last test; its answers are in answers_test.txt. The column `face` of
report.csv says where each face is.

Shards: --unpack writes the same parts from a part of a folder of shards.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facecore.command_line import DONE, run_command
from facecore.device import usable_cores
from facecore.faces.detector import POLICIES
from facecore.faces.network import BACKENDS as DETECTOR_BACKENDS
from facecore.prepare.encode import FORMATS
from facecore.prepare.photos import Settings, prepare_photos
from facecore.prepare.report import summary
from facecore.prepare.select import Shares
from facecore.prepare.split import Split
from facecore.prepare.unpack import Choice, describe, unpack
from facecore.prepare.verdicts import OUTLIER, Limits
from facecore.pretrained import DEFAULT_MODEL

UNPACK_FLAGS = ("people", "photos", "train_split", "verification_split", "verification_photos")
PARTS_FLAGS = ("min_photos", "val_share", "test_share", "verification_people", "pairs", "seed")
LEAST = {"people": 1, "photos": 1, "min_photos": 1, "verification_people": 0, "verification_photos": 2, "pairs": 1,
         "seed": 0, "size": 64, "min_eyes": 0, "outlier": 0, "workers": 0, "timeout": 0.1}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m facecore.prepare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("source", type=Path, metavar="PHOTOS", help="folder of photos; with --unpack a folder of shards")
    p.add_argument("out", type=Path, metavar="OUT", help="folder to write; must be new, empty or begun by this command")
    p.add_argument("--unpack", action="store_true", help="write shards as a folder, instead of photos as faces")
    p.add_argument("--split", action="store_true",
                   help="write photos as parts to train, validate, test and verify with")  # fmt: skip
    p.add_argument("--format", choices=FORMATS,
                   help="of the images (default webp; with --unpack the bytes that the shards hold)")  # fmt: skip
    p.add_argument("--quality", type=int, default=95, metavar="Q", help="of WebP and JPEG, 1 to 100 (default 95)")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    _add_photo_flags(p.add_argument_group("photos to faces"))
    _add_parts_flags(p.add_argument_group("--split and --unpack: the parts"))
    _add_unpack_flags(p.add_argument_group("--unpack: shards to a folder"))
    return p


def _add_photo_flags(g: argparse._ArgumentGroup) -> None:
    limits = Limits()
    g.add_argument("--size", type=int, default=112, metavar="PX", help="side of a face in pixels (default 112)")
    g.add_argument("--face", choices=POLICIES, default="largest",
                   help="which face, where a photo has several; only leaves such photos out "
                   "(default largest)")  # fmt: skip
    g.add_argument("--to", choices=("folder", "parquet"), default="folder", help="what to write (default folder)")
    g.add_argument("--min-eyes", type=float, default=limits.min_eyes, metavar="PX",
                   help="fewest pixels between the eyes in the photo; 0 allows all "
                   f"(default {limits.min_eyes:g})")  # fmt: skip
    g.add_argument("--outlier", type=float, metavar="D",
                   help="a face further than this (1 - cosine) from the median of its person is likely labelled "
                   f"wrong; looked for in people with {limits.least} faces or more; 2 looks for none (default "
                   f"{OUTLIER:g}, which finds 99 in 100 wrong labels and takes 1 right one in 60; it holds for the "
                   "bundled model, so another --model needs its own)")  # fmt: skip
    g.add_argument("--keep-outliers", action="store_true", help="keep these faces, and only report them")
    g.add_argument("--duplicate", type=float, metavar="COSINE",
                   help="also leave out a face whose cosine with an earlier one of its person is above this, as "
                   "0.98 (default: only the same file, or the very same pixels)")  # fmt: skip
    g.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME",
                   help=f"embeds faces for --outlier and --duplicate (default {DEFAULT_MODEL})")  # fmt: skip
    g.add_argument("--device", default="auto", help="for the model: auto, cpu, cuda, cuda:N or mps (default auto)")
    g.add_argument("--detector-backend", choices=DETECTOR_BACKENDS, default="auto",
                   help="what runs the face detector (default auto)")  # fmt: skip
    g.add_argument("--workers", type=int, default=usable_cores(), metavar="N",
                   help="processes that read photos and find faces; 0 does it in this one, without shelter from photos "
                   "that crash it (default: one for each core)")  # fmt: skip
    g.add_argument("--timeout", type=float, default=120, metavar="S",
                   help="seconds after which a photo is given up (default 120)")  # fmt: skip


def _add_parts_flags(g: argparse._ArgumentGroup) -> None:
    usual = Split()
    people = Choice(people=1).verification_people
    g.add_argument("--val-share", type=float, metavar="F",
                   help=f"share of each person's photos for validation (default {usual.shares.val:g})")  # fmt: skip
    g.add_argument("--test-share", type=float, metavar="F",
                   help=f"share for the test (default {usual.shares.test:g})")  # fmt: skip
    g.add_argument("--min-photos", type=int, metavar="N",
                   help="people with fewer are, with --split, only trained on, and passed over with --unpack "
                   f"(default {usual.min_photos})")  # fmt: skip
    g.add_argument("--verification-people", type=int, metavar="N",
                   help="set aside for both pair lists together, at most (default: with --split a fifth of all and at "
                   "most 100, or up to a third where that makes the 10,000 impostor pairs that a calibration needs; "
                   f"with --unpack {people})")  # fmt: skip
    g.add_argument("--pairs", type=int, metavar="N",
                   help="impostor pairs in each list, at most; a calibration needs 10,000 "
                   f"(default {usual.pairs})")  # fmt: skip
    g.add_argument("--seed", type=int, help=f"of all that is drawn (default {usual.seed})")


def _add_unpack_flags(g: argparse._ArgumentGroup) -> None:
    usual = Choice(people=1)
    g.add_argument("--people", type=int, metavar="N", help="people to train on, those with most photos first")
    g.add_argument("--photos", type=int, metavar="N", help="of each person at most, drawn at random (default all)")
    g.add_argument("--train-split", metavar="SPLIT", help=f"of the faces to train on (default {usual.split})")
    g.add_argument("--verification-split", metavar="SPLIT",
                   help="of the faces to verify on; where it has no people, others of --train-split are taken "
                   f"(default {usual.verification_split})")  # fmt: skip
    g.add_argument("--verification-photos", type=int, metavar="N",
                   help=f"of each person to verify on, at most (default {usual.verification_photos})")  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    return run_command(parser(), _run, argv)


def _run(a: argparse.Namespace) -> int:
    if not 1 <= a.quality <= 100:
        raise ValueError(f"--quality {a.quality} is out of range: give 1 to 100")
    for name, lowest in LEAST.items():
        value = getattr(a, name)
        if value is not None and not value >= lowest:
            raise ValueError(f"{_flag(name)} {value:g} is too small: give {lowest:g} or more")
    return _unpack(a) if a.unpack else _prepare(a)


def _unpack(a: argparse.Namespace) -> int:
    if a.people is None:
        raise ValueError("--unpack needs --people: how many people to train on")
    if a.split:
        raise ValueError("--split is for photos; --unpack always writes all parts")
    given = _given(a, (*UNPACK_FLAGS, *PARTS_FLAGS))
    if "train_split" in given:
        given["split"] = given.pop("train_split")
    choice = Choice(shares=_shares(given), format=a.format, quality=a.quality, **given)
    print("\n".join(describe(unpack(a.source, a.out, choice), a.out)))
    return DONE


def _prepare(a: argparse.Namespace) -> int:
    for name in _given(a, UNPACK_FLAGS):
        raise ValueError(f"{_flag(name)} is for --unpack, which writes shards as a folder")
    for name in () if a.split else _given(a, PARTS_FLAGS):
        raise ValueError(f"{_flag(name)} says how faces are dealt out: give --split too")
    if a.split and a.to != "folder":
        raise ValueError(f"--split writes folders: leave --to {a.to} out, or --split (--unpack splits shards later)")
    if a.duplicate is not None and not 0 < a.duplicate <= 1:
        raise ValueError(f"--duplicate {a.duplicate:g} is out of range: give a cosine above 0 and up to 1")
    if a.outlier is None and a.model != DEFAULT_MODEL:
        raise ValueError(
            f"--outlier is needed with --model {a.model}: distances mean something else with each model, and the "
            f"default {OUTLIER:g} is for {DEFAULT_MODEL}; give 2 to look for no wrong labels"
        )
    settings = Settings(
        size=a.size,
        face=a.face,
        to=a.to,
        format=a.format or "webp",
        quality=a.quality,
        limits=Limits(a.min_eyes, OUTLIER if a.outlier is None else a.outlier, a.keep_outliers, a.duplicate),
        model=a.model,
        device=a.device,
        detector_backend=a.detector_backend,
        split=_split(_given(a, PARTS_FLAGS)) if a.split else None,
    )
    done = prepare_photos(a.source, a.out, settings, a.workers, a.timeout)
    print("\n".join(summary(done.report, done.parts, a.out)))
    return DONE


def _split(given: dict[str, Any]) -> Split:
    if "verification_people" in given:
        given["people"] = given.pop("verification_people")
    return Split(shares=_shares(given), **given)


def _shares(given: dict[str, Any]) -> Shares:
    """Takes the shares out of the flags that were given."""
    usual = Shares()
    return Shares(given.pop("val_share", usual.val), given.pop("test_share", usual.test))


def _given(a: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """The flags among these that were given."""
    return {name: value for name, value in vars(a).items() if name in names and value is not None}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


if __name__ == "__main__":
    sys.exit(main())
