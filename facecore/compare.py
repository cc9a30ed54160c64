"""Compare two photos.

    python -m facecore.compare a.jpg b.jpg
    python -m facecore.compare a.jpg b.jpg --json
    python -m facecore.compare a.jpg b.jpg --far 1e-4

Prints whether both show the same person, the score (cosine of the two embeddings), the probability that it is the same
person (if before looking both were equally likely), how rare such a score is among strangers, and the threshold.

Exit code: 0 compared, whatever the verdict; 2 wrong usage, or a photo in which no face can be compared.
"""

import argparse
import json
import sys
from typing import cast

from facecore.command_line import BAD_INPUT, DONE, run_command
from facecore.faces.detector import POLICIES, Policy
from facecore.flags import add_align_flag, add_decision_flags, add_model_flags, recognizer_from
from facecore.preparer import one_thread_per_photo
from facecore.results import Comparison, Prepared

WORDS = {"same": "same person", "different": "different people", "uncertain": "too close to call"}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m facecore.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("left", help="a photo")
    p.add_argument("right", help="another photo")
    p.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    p.add_argument("--face", default="largest", metavar="WHICH",
                   help="which face of several: largest, centre, only (more than one is an error), or a number, 0 the "
                   "largest (default largest)")  # fmt: skip
    p.add_argument("--prior", type=float, default=0.5, metavar="P",
                   help="probability of the same person before looking at the photos (default 0.5)")  # fmt: skip
    add_align_flag(p)
    add_decision_flags(p)
    add_model_flags(p)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _compare, argv)


def _compare(a: argparse.Namespace) -> int:
    one_thread_per_photo()
    recognizer = recognizer_from(a)
    comparison = recognizer.compare(
        a.left, a.right, face=_policy(a.face), far=a.far, threshold=a.threshold, prior=a.prior
    )
    if a.json:
        print(json.dumps(comparison.to_dict(), indent=1, ensure_ascii=False))
    else:
        calibration = recognizer.calibration
        capped = calibration is not None and comparison.strangers == calibration.rarest
        print("\n".join(_lines(comparison, a, capped)))
    if comparison.why_not:
        print(f"python -m facecore.compare: {comparison.why_not}", file=sys.stderr)
        return BAD_INPUT
    return DONE


def _policy(word: str) -> Policy:
    if word.isdecimal():
        return int(word)
    if word in POLICIES:
        return cast(Policy, word)
    raise ValueError(f"--face {word!r} is not known: use {', '.join(POLICIES)} or a number from 0")


def _lines(comparison: Comparison, a: argparse.Namespace, capped: bool) -> list[str]:
    if comparison.score is None:
        return ["could not be compared"]
    lines = []
    if comparison.verdict is not None:
        lines.append(WORDS[comparison.verdict])
    lines.append(f"score        {comparison.score:z.4f}")
    if comparison.threshold is not None:
        lines.append(f"threshold    {comparison.threshold:.4f} (same person from here on)")
    if comparison.probability is not None:
        lines.append(f"probability  {_decimals(comparison.probability)} (prior {a.prior:g})")
    if comparison.strangers is not None:
        rarity = f"{'fewer than' if capped else 'about'} 1 in {comparison.strangers:,.0f}"
        lines.append(f"strangers    {rarity} pairs of strangers score this high")
    for name, side in ((a.left, comparison.left), (a.right, comparison.right)):
        if len(side.faces) > 1:
            lines.append(f"{name}: {len(side.faces)} faces found, {_which(side)} was compared (--face chooses)")
    return lines


def _decimals(probability: float) -> str:
    """Four of them, and never a certainty that photos cannot give."""
    if probability >= 0.99995:
        return "over 0.9999"
    if probability < 0.00005:
        return "under 0.0001"
    return f"{probability:.4f}"


def _which(side: Prepared) -> str:
    numbers = [number for number, face in enumerate(side.faces) if face is side.face]
    return f"number {numbers[0]} by size" if numbers and numbers[0] else "the largest"


if __name__ == "__main__":
    sys.exit(main())
