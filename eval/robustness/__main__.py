"""Measure what poor photos do to scores and decisions.

    python -m eval.robustness SHARDS --out robustness
    python -m eval.robustness SHARDS --model MODEL --half fit --damage resolution blur --out robustness

SHARDS is a folder of Parquet shards of aligned faces with val_pairs.parquet (columns id, image, person and split). Of
the people that one half of the pairs names, some photos are damaged (fewer pixels, blur, JPEG, darkness, rotation,
covered parts) and each is compared with all photos as they were. Damage is done to the aligned face: what the detector
makes of such photos is not part of it.

For the warning of hidden faces, --hidden faces are covered in more varied ways; the report tells how many of them the
model's quality.json warns of, and of how many that are not covered.

Written to --out: robustness.csv (a row a level), robustness.md (tables, and until where each is usable),
robustness.png (a panel a kind) and robustness.json (what was measured on what).

--limits FILE writes what the page warns by (quality.json, which belongs into the model directory): the sharpness,
brightness and distance of the eyes at which a fifth of the matches are lost, and what tells hidden faces by the
network's features of them. These are choices, made on the half "fit".

Exit code: 0 done; 2 wrong usage, or shards or a model that cannot be used; 3 the result could not be written;
130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eval.decision import chosen_threshold
from eval.results import model_record, write_record
from eval.robustness.damage import DAMAGES, Crop
from eval.robustness.hidden import make_probe, measure_probe, read_faces
from eval.robustness.limits import limits, to_json
from eval.robustness.measure import Encode, Outcome, outcomes
from eval.robustness.people import read_people
from eval.robustness.picture import draw
from eval.robustness.words import Measured, hidden_words, to_markdown
from facecore.command_line import DONE, run_command
from facecore.faces.hidden import HiddenProbe
from facecore.files import atomic_path, write_text
from facecore.flags import add_decision_flags, add_model_flags, recognizer_from
from facecore.quality_limits import read_limits
from facecore.recognizer import FaceRecognizer


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.robustness", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [damage.name for damage in DAMAGES]
    p.add_argument("shards", type=Path, metavar="SHARDS", help="folder of shards with labelled people and their pairs")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    p.add_argument("--damage", nargs="+", choices=names, default=names, metavar="KIND",
                   help=f"kinds (default all: {', '.join(names)})")  # fmt: skip
    p.add_argument("--half", choices=["test", "fit"], default="test", help="of the pairs (default test)")
    p.add_argument("--limits", type=Path, metavar="FILE", help="write quality.json there; needs --half fit")
    p.add_argument("--split", default="val", help="of the faces (default val: people not used in training)")
    p.add_argument("--photos", type=int, default=500, metavar="N", help="to damage (default 500)")
    p.add_argument("--hidden", type=int, default=1500, metavar="N",
                   help="faces to cover, for the warning of hidden faces (default 1500; 0: leave it out)")  # fmt: skip
    p.add_argument("--seed", type=int, default=0, help="of the choice of photos and of covers (default 0)")
    p.add_argument("--batch-size", type=int, default=64, metavar="N", help="faces in one pass (default 64)")
    add_decision_flags(p)
    add_model_flags(p)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _measure, argv)


def _measure(a: argparse.Namespace) -> int:
    for name, value in (("photos", a.photos), ("batch-size", a.batch_size)):
        if value < 1:
            raise ValueError(f"--{name} must be 1 or more, not {value}")
    if a.hidden < 0:
        raise ValueError(f"--hidden must be 0 or more, not {a.hidden}")
    if a.limits and a.half != "fit":
        raise ValueError("--limits makes a choice, and choices are made on --half fit")
    if a.limits and a.flip:
        raise ValueError("--limits is for faces without their mirror images, which the page compares: leave out --flip")
    recognizer = recognizer_from(a)
    threshold, what = chosen_threshold(recognizer, a.far, a.threshold, a.model)
    people = read_people(a.shards, a.split, a.half, a.photos, a.seed)
    damages = [damage for damage in DAMAGES if damage.name in a.damage]
    # A file that came from other weights must not keep a new one from being made.
    own = read_limits(recognizer.model.directory, None if a.limits else recognizer.feature_dim).hidden

    def embed(crops: Sequence[Crop]) -> NDArray[np.float32]:
        return encode(recognizer, crops, a.batch_size)

    every = outcomes(people, damages, threshold, embed)
    found = {damage: [outcome for outcome in every if outcome.damage == damage.name] for damage in damages}
    counts = len(np.unique(people.people)), len(people.images), len(people.damaged)
    probe, told = _hidden(a, own, lambda crops: features(recognizer, crops, a.batch_size))
    text = to_markdown(Measured(str(a.model), a.half, *counts, threshold, what), found) + told
    _write(a.out, every, text, draw(found))
    settings = {"half": a.half, "split": a.split, "photos": len(people.damaged), "threshold": threshold}
    write_record({"model": model_record(recognizer.model), **settings}, a.out / "robustness.json")
    if a.limits:
        chosen = limits(found, f"half fit, {len(people.damaged):,} damaged photos of {counts[0]} people", probe)
        write_text(a.limits, to_json(chosen))
    print(text)
    print(f"wrote {a.out / 'robustness.csv'}, robustness.md, robustness.png and robustness.json", file=sys.stderr)
    return DONE


def _hidden(a: argparse.Namespace, own: HiddenProbe | None, encode: Encode) -> tuple[HiddenProbe | None, str]:
    """What tells hidden faces, made anew for --limits, else the model's `own`; and the report's section on it."""
    if not a.hidden or not (a.limits or own):
        return own, ""
    faces = read_faces(a.shards, a.half, a.hidden, a.seed, encode)
    if a.limits:
        probe, warned = make_probe(faces)
        return probe, "\n" + hidden_words(warned, a.half, unseen=True)
    assert own is not None
    return own, "\n" + hidden_words(measure_probe(own, faces), a.half, unseen=False)


def encode(recognizer: FaceRecognizer, crops: Sequence[Crop], batch_size: int) -> NDArray[np.float32]:
    """Embeddings of any number of crops: (N, D) float32 of length one."""
    return recognizer.encode([recognizer.input.fit(crop) for crop in crops], batch_size)


def features(recognizer: FaceRecognizer, crops: Sequence[Crop], batch_size: int) -> NDArray[np.float32]:
    """Features of any number of crops: (N, F) float32 of length one, see `FaceRecognizer.features`."""
    batches = (crops[i : i + batch_size] for i in range(0, len(crops), batch_size))
    return np.concatenate([recognizer.features([recognizer.input.fit(crop) for crop in batch]) for batch in batches])


def _write(out: Path, every: Sequence[Outcome], text: str, picture: bytes) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with atomic_path(out / "robustness.csv") as path:
        pd.DataFrame([outcome.to_dict() for outcome in every]).to_csv(path, index=False, lineterminator="\n")
    write_text(out / "robustness.md", text)
    with atomic_path(out / "robustness.png") as path:
        path.write_bytes(picture)


if __name__ == "__main__":
    sys.exit(main())
