"""What `python -m eval.score` does, from the parsed flags to the files."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from eval.index import PairIndex, read_index
from eval.resolve import Resolver
from eval.results import write_kaggle, write_record, write_scores
from eval.run import Run, open_run
from eval.scoring import Scored, Sides, embed_names, score_pairs
from eval.summary import describe, figures
from eval.templates import TemplateList, embed_templates, open_templates
from facecore.command_line import DONE, NOT_WRITTEN
from facecore.files import sha256
from facecore.image import photo_name
from facecore.recognizer import decision_threshold
from facecore.verification.pairs import PairSource, open_pairs

TOLD = 20
"""Photos without an embedding that are named on stderr."""


def score_list(a: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if a.partitions:
        _check_partitions(a)
    folder = a.out.absolute().parent
    if not os.access(folder, os.W_OK) or (a.out.is_dir() and not a.partitions):  # better now than after an hour
        print(f"python -m eval.score: {a.out} cannot be written: no such folder, or no right to", file=sys.stderr)
        return NOT_WRITTEN
    beside = a.out / "scores.json" if a.partitions else a.out.with_suffix(".json")
    _check_not_the_same(a, beside)
    began = time.monotonic()
    if (a.list_kind == "template") != (a.templates is not None):
        raise ValueError(
            "--list-kind template and --templates FILE go together: a list of pairs of templates needs both"
        )
    templates = open_templates(a.pairs, a.templates) if a.templates else None
    source = templates.source if templates else _open(a)
    root = a.images or a.pairs.parent
    if not root.is_dir():
        raise ValueError(f"--images {root}: there is no such folder")
    index = templates.index if templates else read_index(source)
    with open_run(a, face="centre" if source.kind == "lfw" else "largest") as run:
        limit = decision_threshold(run.model, a.far, a.threshold)  # fails before the long work, not after it
        if run.model.calibration is None:
            name = run.model.name
            print(f"{name} has no calibration, so no probability: python -m eval.calibrate makes one", file=sys.stderr)
        sides = _sides(a, run, source, templates or index.names, root)
        if a.partitions:
            scored = _score_partitions(a, run, source, index, sides)
        else:
            scored = score_pairs(run, index, sides, a.far, a.threshold)
        seconds = time.monotonic() - began
        result = figures(scored.labelled(), limit)
        record = make_record(run, source, a.pairs.name, str(root), scored, limit, result)
        record["templates"] = _template_record(a, scored)
    if a.format == "kaggle":
        write_kaggle(source, scored.scores, a.out, tuple(a.kaggle_columns) if a.kaggle_columns else None)
    elif not a.partitions:
        write_scores(scored.tables(source, a.quality), a.out, a.spreadsheet_safe)
    write_record(record, beside)
    _tell_failures(scored)
    print("\n".join(_summary(scored, seconds, result)))
    print(f"wrote {a.out} and {beside.name}")
    return DONE


def _check_not_the_same(a: argparse.Namespace, beside: Path) -> None:
    if a.out.absolute() == beside.absolute():
        raise ValueError(f"--out {a.out}: the record of the run takes this name; give the scores another, as .csv")
    for result in (a.out, beside):
        for given in (a.pairs, a.templates):
            if given is not None and result.resolve() == given.resolve():
                raise ValueError(f"--out {a.out}: would replace {given}, which is to be read; give another name")


def _check_partitions(a: argparse.Namespace) -> None:
    if a.engine != "ray" or a.format != "csv":
        raise ValueError("--partitions needs --engine ray, and does not go with --format kaggle")
    from eval.engines.ray_pairs import check_folder  # an optional extra

    check_folder(a.out)


def _score_partitions(a: argparse.Namespace, run: Run, source: PairSource, index: PairIndex, sides: Sides) -> Scored:
    from eval.engines.ray_pairs import Target, score_partitions

    target = Target(a.partitions, a.far, a.threshold, a.quality, a.spreadsheet_safe)
    return score_partitions(a.ray_address, run.model, source, index, sides, a.out, target)


def _open(a: argparse.Namespace) -> PairSource:
    return open_pairs(a.pairs, kind=a.list_kind, columns=tuple(a.columns) if a.columns else None)


def _sides(a: argparse.Namespace, run: Run, source: PairSource, what: TemplateList | list[str], root: Path) -> Sides:
    # The lists of courses lie beside the photos that they name, wherever the other photos are.
    beside = source.kind == "course" or a.format == "kaggle"
    resolver = Resolver(root, a.allow_outside, source.kind == "lfw", a.pairs.parent if beside else None)
    if isinstance(what, TemplateList):
        return embed_templates(run, what, resolver, by_quality=a.template_weights == "quality")
    return embed_names(run, what, resolver)


def _tell_failures(scored: Scored) -> None:
    """Name the photos that cost most pairs."""
    unusable = scored.costliest()
    for photo in unusable[:TOLD]:
        more = f" ({photo.problem})" if photo.problem else ""
        pairs = "pair" if photo.pairs == 1 else "pairs"
        print(f"{photo.status}: {photo_name(photo.name)}: {photo.pairs:,} {pairs}{more}", file=sys.stderr)
    if len(unusable) > TOLD:
        print(f"and {len(unusable) - TOLD:,} others", file=sys.stderr)


def _summary(scored: Scored, seconds: float, result: dict[str, Any]) -> list[str]:
    images = scored.sides.images
    rate = images / seconds if seconds else 0.0
    lines = [f"{len(scored)} pairs, {images} distinct images, {seconds:.1f} s, {rate:.1f} images/s"]
    kinds = ", ".join(f"{count} {code}" for code, count in scored.failures.items())
    lines.append(f"{scored.failed} pairs failed" + (f" (images: {kinds})" if kinds else ""))
    if scored.sides.left_out:
        lines.append(f"{scored.sides.left_out} photos of templates have no embedding and were left out of them")
    return lines + describe(result)


def make_record(
    run: Run,
    source: PairSource,
    name: str,
    image_root: str | None,
    scored: Scored,
    limit: float | None,
    result: dict[str, Any],
) -> dict[str, Any]:
    """What scores.json says: everything that is needed to understand the numbers later.

    Args:
        run: that made the embeddings.
        source: the list.
        name: of the list.
        image_root: the folder of the photos, for `eval.report`; None where it is not to be told.
        scored: the outcome.
        limit: the score from which on a pair was called the same person.
        result: of `eval.summary.figures`.
    """
    return {
        **run.record(),
        "threshold": limit,
        "image_root": image_root,
        "list": {"name": name, "kind": source.kind, "digest": source.digest},
        "templates": None,
        "pairs": len(scored),
        "images": scored.sides.images,
        "failed_pairs": scored.failed,
        "image_failures": scored.failures,
        "figures": result,
    }


def _template_record(a: argparse.Namespace, scored: Scored) -> dict[str, Any] | None:
    if not a.templates:
        return None
    return {
        "name": a.templates.name,
        "digest": sha256(a.templates),
        "weights": a.template_weights,
        "photos_left_out": scored.sides.left_out,
    }
