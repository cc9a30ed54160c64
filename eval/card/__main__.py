"""Write the figures of a model card, from files that the other commands left.

    python -m eval.protocols shards SHARDS --pool people --model MODEL --out people
    python -m eval.protocols lfw --images lfw --all-pairs --model MODEL --out lfw
    python -m eval.groups SHARDS --model MODEL --out groups
    python -m eval.robustness SHARDS --model MODEL --out robustness
    python -m eval.card MODEL --pairs people --lfw lfw --groups groups --robustness robustness

MODEL is a model directory. Its README.md keeps every word but what stands between two comments such as

    <!-- begin thresholds (python -m eval.card) -->
    <!-- end thresholds -->

There are six such blocks: thresholds and accuracy come from calibration.json (and calibration-flip.json, where there is
one), calibration, lfw, groups and poor_photos from the folders that are given; a block whose folder is not given stays
as it is. Where there is no README.md, one is begun. Pictures and tables go into the folder evidence/ beside it,
groups.csv beside it, where the page looks for it. Results of other weights are refused, and those made with --flip.

Exit code: 0 done; 2 wrong usage, or a model or results that cannot be used; 3 the card could not be written.
"""

import argparse
import sys
from pathlib import Path

from eval.card.blocks import empty, fill
from eval.card.calibrated import accuracy, meaning
from eval.card.measured import group_words, poor_photo_words
from eval.card.scored import calibration_words, lfw_words, read_scored
from facecore import checkpoint
from facecore.checkpoint import Model
from facecore.command_line import DONE, run_command
from facecore.errors import DataError
from facecore.files import atomic_path, write_text
from facecore.pretrained import find_model

CARD = "README.md"
TITLES = {
    "thresholds": "What the scores mean",
    "accuracy": "How accurate it is",
    "calibration": "How far the probabilities can be believed",
    "lfw": "Labeled Faces in the Wild",
    "groups": "By group",
    "poor_photos": "Poor photos",
}
"""The blocks, and the headings that a new card gets."""

Sections = dict[str, tuple[str, dict[str, Path]]]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.card", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("model", metavar="MODEL", help="a model directory, or the name of a bundled model")
    p.add_argument("--pairs", type=Path, metavar="DIR", help="results of eval.protocols shards, for the reliability")
    p.add_argument("--lfw", type=Path, metavar="DIR", help="results of eval.protocols lfw")
    p.add_argument("--groups", type=Path, metavar="DIR", help="results of eval.groups")
    p.add_argument("--robustness", type=Path, metavar="DIR", help="results of eval.robustness")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _write_card, argv)


def _write_card(a: argparse.Namespace) -> int:
    model = checkpoint.load(find_model(a.model))
    if not model.directory.is_dir():
        raise DataError(f"{a.model}: a card belongs to a model directory")
    sections = _sections(a, model)
    card = model.directory / CARD
    text = card.read_text(encoding="utf-8") if card.exists() else _begun(model.name)
    text = fill(text, {name: content for name, (content, _) in sections.items()})
    files = {name: source for _, found in sections.values() for name, source in found.items()}
    if missing := [source for source in files.values() if not source.is_file()]:
        raise DataError(f"{missing[0]}: is not there; make the results anew")
    for name, source in files.items():
        target = model.directory / name
        target.parent.mkdir(exist_ok=True)
        with atomic_path(target) as path:
            path.write_bytes(source.read_bytes())
    write_text(card, text)
    print(f"wrote {', '.join(sections)} in {card}" + (f", and {', '.join(files)}" if files else ""), file=sys.stderr)
    return DONE


def _sections(a: argparse.Namespace, model: Model) -> Sections:
    if model.calibration is None:
        raise DataError(f"{a.model}: has no calibration, and so no thresholds: see python -m eval.calibrate --help")
    flipped = checkpoint.load(model.directory, flip=True).calibration
    sections: Sections = {
        "thresholds": (meaning(model.calibration, model.digest), {}),
        "accuracy": (accuracy(model.calibration, flipped), {}),
    }
    if a.pairs:
        sections["calibration"] = calibration_words(read_scored(a.pairs, model.digest, "shards"))
    if a.lfw:
        sections["lfw"] = lfw_words(read_scored(a.lfw, model.digest, "lfw"))
    if a.groups:
        sections["groups"] = group_words(a.groups, model.digest)
    if a.robustness:
        sections["poor_photos"] = poor_photo_words(a.robustness, model.digest)
    return sections


def _begun(name: str) -> str:
    """A card with a place for everything."""
    front = "---\nlibrary_name: facecore\npipeline_tag: image-feature-extraction\n---"
    parts = [front, f"# {name}"]
    for block, title in TITLES.items():
        parts += [f"## {title}", empty(block)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
