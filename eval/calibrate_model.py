"""What `python -m eval.calibrate` does, from the parsed flags to calibration.json."""

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from eval.index import read_index
from eval.known_pairs import KnownPairs, check_share, known_pairs, person_of_each, split_people
from eval.resolve import Resolver
from eval.run import Run, open_run
from eval.scoring import embed_names
from facecore.checkpoint import calibration_path
from facecore.command_line import DONE
from facecore.config import read_json
from facecore.errors import ModelError, PairListError
from facecore.files import write_text
from facecore.pretrained import WEIGHTS, find_model
from facecore.train.evidence import calibrate_on_shards
from facecore.verification.calibration import Calibration
from facecore.verification.dependence import warn_few_images
from facecore.verification.fitting import evidence, fit
from facecore.verification.pairs import PairSource, open_pairs
from facecore.verification.scores import cosines

POOL = "list"
"""Name of the only pool of impostors in the evidence."""


def calibrate_model(a: argparse.Namespace) -> int:
    """Run the command; returns the exit code.

    Raises:
        ValueError: flags that do not go together, or pairs that are too few.
        FacecoreError: model or list cannot be used.
        OSError: the result cannot be written.
    """
    if (a.pairs is None) == (a.shards is None):
        raise ValueError("give a list of pairs or --shards, one of the two")
    if a.shards is not None and (a.evidence is not None or a.holdout is not None):
        raise ValueError("--shards has its own evidence: leave out --evidence and --holdout")
    if a.holdout is not None:
        check_share(a.holdout)
    model = find_model(a.model)
    target = _target(a, model)
    calibration = _on_list(a) if a.shards is None else _on_shards(a, model)
    write_text(target, json.dumps(calibration.to_dict(), indent=1, allow_nan=False) + "\n")
    print("\n".join(describe_calibration(calibration)))
    print(f"wrote {target}")
    if a.out is not None:
        own = not (a.model.startswith("hf:") or model.is_relative_to(WEIGHTS))
        name = calibration_path(model, a.flip).name
        where = calibration_path(Path(a.model), a.flip) if own else f"{name} in a copy of {model}"
        print(f"to be used it must be {where}")
    return DONE


def describe_calibration(calibration: Calibration) -> list[str]:
    """Thresholds and evidence in lines for a terminal."""
    lines = [f"probability 0.5 at score {calibration.midpoint:.4f}, shipped threshold {calibration.threshold:.4f}"]
    for at in calibration.thresholds:
        if at.threshold is None or at.interval is None:
            lines.append(f"no threshold at FAR {at.far:g}: {at.reason}")
        else:
            low, high = at.interval
            tar = f"TAR {100 * (at.true_accepts or 0) / at.genuine:.2f} %"
            lines.append(f"threshold {at.threshold:.4f} ({low:.4f} to {high:.4f}) at FAR {at.far:g}, {tar}")
    figures = calibration.evidence.get("all")
    if figures is None:
        return [*lines, "no evidence: these figures are on the pairs that were fitted; see --evidence and --holdout"]
    at = figures["at_threshold"]
    lines.append(
        f"on other people's {figures['genuine']:,} genuine and {figures['impostors']:,} impostor pairs: "
        f"AUC {figures['auc']:.5f}, EER {100 * figures['eer']:.2f} %"
    )
    lines.append(
        f"  at the shipped threshold: FAR {at['far']:.2g} ({at['false_accepts']:,} false accepts), "
        f"TAR {100 * at['tar']:.2f} %, accuracy {100 * at['accuracy']:.2f} %"
    )
    return lines


def _target(a: argparse.Namespace, model: Path) -> Path:
    """Where to write; refuses before the long work what would be refused after it."""
    target = a.out or calibration_path(model, a.flip)
    if a.out is None and (a.model.startswith("hf:") or model.is_relative_to(WEIGHTS)):
        where = "comes from the Hub" if a.model.startswith("hf:") else "is bundled"
        raise ValueError(f"{a.model} {where}, and its files are left as they are: give --out FILE")
    if target.is_dir():
        raise ValueError(f"{target}: this is a folder, and a file is to be written: give --out FILE")
    if target.exists() and not a.force:
        raise ValueError(f"{target} is there already: --force replaces it, --out FILE writes elsewhere")
    folder = target.absolute().parent
    if not os.access(folder, os.W_OK):
        problem = "cannot be written to" if folder.is_dir() else "there is no such folder"
        raise PermissionError(0, f"{problem}; give --out FILE", str(folder))
    if a.out is None and target.exists():
        _set_damaged_aside(target)
    return target


def _set_damaged_aside(path: Path) -> None:
    """A model with a damaged calibration cannot be loaded, and that file is to be replaced."""
    try:
        Calibration.from_dict(read_json(path))
    except ModelError as error:
        old = path.with_suffix(".json.old")
        path.replace(old)
        print(f"{path} is damaged and was renamed to {old.name} ({error})", file=sys.stderr)


def _on_shards(a: argparse.Namespace, model: Path) -> Calibration:
    return calibrate_on_shards(model, a.shards, a.device, a.batch_size, flip=a.flip)


def _on_list(a: argparse.Namespace) -> Calibration:
    columns = tuple(a.columns) if a.columns else None
    source = open_pairs(a.pairs, kind=a.list_kind, columns=columns)
    other = open_pairs(a.evidence) if a.evidence is not None else None
    root = _folder(a.images or a.pairs.parent)
    other_root = _folder(a.evidence_images or a.images or a.evidence.parent) if other is not None else root
    with open_run(a, face="centre" if source.kind == "lfw" else "largest") as run:
        pairs = _score(a, run, source, root)
        proof, split = None, None
        if other is not None:
            proof = _score(a, run, other, other_root)
            _refuse_common_people(_people(pairs, root), _people(proof, other_root), other.name)
        elif a.holdout is not None:
            whole = len(pairs)
            pairs, proof = split_people(pairs, a.holdout, a.seed)
            split = {"share": a.holdout, "seed": a.seed, "left_out": whole - len(pairs) - len(proof)}
            kept = f"{len(pairs):,} pairs for the fit and {len(proof):,} for the evidence"
            print(f"{kept}; {split['left_out']:,} with a person in either part are left out", file=sys.stderr)
        settings = {name: run.record()[name] for name in ("model", "face", "align", "backend", "precision")}
    data = {"data": source.name, "digest": source.digest, **pairs.counts(), "holdout": split, **settings}
    calibration = _fit(pairs, data)
    if proof is None:
        return calibration
    figures = _evidence(calibration, proof)
    of = {"data": other.name, "digest": other.digest} if other is not None else {}
    return dataclasses.replace(calibration, evidence=figures, source={**data, "evidence": {**of, **proof.counts()}})


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError(f"{path}: there is no such folder of photos")
    return path


def _score(a: argparse.Namespace, run: Run, source: PairSource, root: Path) -> KnownPairs:
    index = read_index(source)
    beside = Path(source.name).parent if source.kind == "course" else None
    sides = embed_names(run, index.names, Resolver(root, a.allow_outside, source.kind == "lfw", beside))
    if all(code == "missing" for code in sides.status):
        first = next(iter(index.names))
        raise PairListError(f"{source.name}: none of its photos is in {root}, such as {first}: give --images DIR")
    scores = cosines(sides.matrix, index.left, index.right)
    failed = int(np.isnan(scores).sum())
    if failed:
        bad = sorted({str(code) for code in sides.status if not str(code).startswith("ok")})
        print(f"{source.name}: {failed:,} of {len(index):,} pairs failed ({', '.join(bad)})", file=sys.stderr)
    return known_pairs(index, scores, source.name)


def _fit(pairs: KnownPairs, source: dict[str, Any]) -> Calibration:
    scored = pairs.take(pairs.scored)
    try:
        calibration = fit(scored.scores[scored.same], scored.scores[~scored.same], source=source)
    except ValueError as error:
        hint = "`python -m eval.protocols identities DIR --pairs 1000 --impostors 100000` makes such a list of a folder"
        failed = len(pairs) - len(scored)
        raise ValueError(f"{error} ({failed:,} pairs failed and do not count). {hint}") from error
    warning = warn_few_images(scored.left[~scored.same], scored.right[~scored.same])
    if warning:
        print(warning, file=sys.stderr)
    return calibration


def _evidence(calibration: Calibration, proof: KnownPairs) -> dict[str, Any]:
    """Figures with failed pairs as non-matches."""
    if not proof.same.any() or proof.same.all():
        genuine = int(proof.same.sum())
        raise ValueError(
            f"evidence needs pairs of both kinds, and there are {genuine:,} genuine and {len(proof) - genuine:,} "
            "impostor pairs of people who are not in the fit: take another share or another list"
        )
    return evidence(calibration, proof.scores, proof.same, np.full(len(proof), POOL))


def _people(pairs: KnownPairs, root: Path) -> set[str]:
    """Everybody's folder or first photo, as paths that do not depend on the root."""
    return {os.path.realpath(root / person) for person in person_of_each(pairs)}


def _refuse_common_people(fitted: set[str], proof: set[str], name: str) -> None:
    common = fitted & proof
    if common:
        raise ValueError(
            f"{name}: {len(common):,} of its people are in the list that is fitted too, such as "
            f"{os.path.basename(min(common))}: evidence must come from other people"
        )
