"""Score a list of pairs of photos.

    python -m eval.score pairs.txt
    python -m eval.score pairs.csv --images photos --out scores.csv
    python -m eval.score lfw/pairs.txt --images lfw --far 1e-3

A line of the list names two photos, with or without a label (`a.jpg b.jpg 1`). CSV files with a header and LFW's lists
work too; the kind is detected. Each photo is read once. The result is a CSV with one row a line, in the same order:
left, right, score, probability, decision, status, and what else the list had. A photo that cannot be used costs its own
pairs and nothing else: their status says which side and why (missing, unreadable, no_face, several_faces,
outside_root). Beside the CSV a JSON file records model, thresholds and settings.

Exit code: 0 done, even if some pairs failed; 2 wrong usage, or a list or model that cannot be read; 3 the result could
not be written; 130 interrupted.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from eval.resolve import Resolver
from eval.results import write_record, write_scores
from eval.scoring import Scored, score_pairs
from eval.summary import describe, figures
from facecore.command_line import DONE, NOT_WRITTEN, run_command
from facecore.device import usable_cores
from facecore.faces.detector import Policy
from facecore.files import sha256
from facecore.flags import add_decision_flags, add_model_flags
from facecore.recognizer import FaceRecognizer, decision_threshold, one_thread_per_photo
from facecore.verification.pairs import KINDS, PairList, read_pairs


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.score", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("pairs", type=Path, help="the list")
    p.add_argument("--images", type=Path, metavar="DIR", help="where the photos are (default: beside the list)")
    p.add_argument("--out", type=Path, default=Path("scores.csv"), metavar="FILE", help="(default scores.csv)")
    p.add_argument("--face", choices=["largest", "centre", "only"],
                   help="which face of several; only: more than one is a failure (default: centre for LFW lists, "
                   "else largest)")  # fmt: skip
    p.add_argument("--list-kind", choices=KINDS, help="what kind of list it is (default: detected)")
    p.add_argument("--columns", nargs=2, metavar=("L", "R"), help="the two columns of a CSV that name the photos")
    p.add_argument("--allow-outside", action="store_true", help="accept photos that lie outside --images")
    p.add_argument("--workers", type=int, default=usable_cores(), metavar="N",
                   help="threads that read photos and find faces (default: one a core)")  # fmt: skip
    p.add_argument("--batch-size", type=int, default=64, metavar="N", help="faces in one pass (default 64)")
    p.add_argument("--precision", default="fp32", choices=["auto", "fp32", "bf16", "fp16"],
                   help="of the network (default fp32)")  # fmt: skip
    p.add_argument("--spreadsheet-safe", action="store_true", help="quote text that a spreadsheet would run")
    add_decision_flags(p)
    add_model_flags(p)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _score, argv)


def _score(a: argparse.Namespace) -> int:
    for name in ("workers", "batch_size"):
        if getattr(a, name) < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be 1 or more, not {getattr(a, name)}")
    folder = a.out.absolute().parent
    if not os.access(folder, os.W_OK) or a.out.is_dir():  # better now than after an hour
        print(f"python -m eval.score: {a.out} cannot be written: no such folder, or no right to", file=sys.stderr)
        return NOT_WRITTEN
    began = time.monotonic()
    pairs = read_pairs(a.pairs, kind=a.list_kind, columns=tuple(a.columns) if a.columns else None)
    root = a.images or a.pairs.parent
    if not root.is_dir():
        raise ValueError(f"--images {root}: there is no such folder")
    lfw = pairs.kind == "lfw"
    face: Policy = a.face or ("centre" if lfw else "largest")
    one_thread_per_photo()
    recognizer = FaceRecognizer.from_pretrained(a.model, align=a.align, device=a.device, precision=a.precision)
    scored = score_pairs(
        recognizer,
        pairs,
        Resolver(root, a.allow_outside, lfw),
        face=face,
        workers=a.workers,
        batch_size=a.batch_size,
        far=a.far,
        threshold=a.threshold,
    )
    seconds = time.monotonic() - began
    limit = decision_threshold(recognizer.model, a.far, a.threshold)
    result = figures(scored.table, limit)
    write_scores(scored.table, a.out, a.spreadsheet_safe)
    write_record(_record(a, recognizer, pairs, scored, face, limit, result), a.out.with_suffix(".json"))
    print("\n".join(_summary(scored, seconds, result)))
    print(f"wrote {a.out} and {a.out.with_suffix('.json').name}")
    return DONE


def _summary(scored: Scored, seconds: float, result: dict[str, Any]) -> list[str]:
    failed = int((~scored.scored).sum())
    rate = scored.images / seconds if seconds else 0.0
    lines = [f"{len(scored.table)} pairs, {scored.images} distinct images, {seconds:.1f} s, {rate:.1f} images/s"]
    kinds = ", ".join(f"{count} {code}" for code, count in scored.image_failures.items())
    lines.append(f"{failed} pairs failed" + (f" (images: {kinds})" if kinds else ""))
    return lines + describe(result)


def _record(
    a: argparse.Namespace,
    recognizer: FaceRecognizer,
    pairs: PairList,
    scored: Scored,
    face: Policy,
    limit: float | None,
    result: dict[str, Any],
) -> dict[str, Any]:
    model, calibration = recognizer.model, recognizer.calibration
    path = model.directory / "calibration.json"
    return {
        "format_version": 1,
        "model": {"name": model.name, "digest": model.digest},
        "calibration_digest": sha256(path) if calibration else None,
        "threshold": limit,
        "thresholds": json.loads(path.read_text(encoding="utf-8"))["thresholds"] if calibration else None,
        "face": face,
        "align": a.align,
        "alignment_version": model.config.alignment if recognizer.detects else None,
        "detector": recognizer.detector.version if recognizer.detects else None,
        "preset": model.config.preset,
        "backend": "torch",
        "precision": a.precision,
        "batch_size": a.batch_size,
        "image_root": str(a.images or a.pairs.parent),
        "list": {"name": a.pairs.name, "kind": pairs.kind, "digest": sha256(a.pairs)},
        "pairs": len(scored.table),
        "images": scored.images,
        "failed_pairs": int((~scored.scored).sum()),
        "image_failures": scored.image_failures,
        "figures": result,
    }


if __name__ == "__main__":
    sys.exit(main())
