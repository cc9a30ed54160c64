"""Embeddings of photos, as a table.

    python -m eval.embed photos/ --out embeddings.parquet
    python -m eval.embed a.jpg b.jpg --out embeddings.parquet --model net.onnx

IMAGES are files and folders; a folder stands for all photos in it and below it. The table has one row a photo: path,
status (ok, ok:whole, unreadable, no_face, several_faces), quality (0 to 1) and embedding, a list of float32 of length
one that is empty where there is none. A name that ends in .npz gives the same as NumPy arrays.

Exit code: 0 done, even if some photos failed; 2 wrong usage or nothing to embed; 3 the result could not be written; 130
interrupted, and the same command goes on.
"""

import argparse
import sys
from pathlib import Path

from eval.flags import add_run_flags
from facecore.command_line import run_command

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.embed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("images", nargs="+", type=Path, metavar="IMAGES", help="photos, or folders of photos")
    p.add_argument("--out", type=Path, default=Path("embeddings.parquet"), metavar="FILE",
                   help=".parquet or .npz (default embeddings.parquet)")  # fmt: skip
    add_run_flags(p, decisions=False)
    return p


def find_photos(images: list[Path]) -> list[Path]:
    """The photos that files and folders stand for, those of a folder sorted by name, each once.

    Raises:
        ValueError: a file or folder is not there, or there is no photo at all.
    """
    found: dict[Path, None] = {}
    for item in images:
        if item.is_dir():
            inside = sorted(path for path in item.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
            found.update(dict.fromkeys(inside))
        elif item.exists():
            found[item] = None
        else:
            raise ValueError(f"{item}: there is no such file or folder")
    if not found:
        raise ValueError(f"no photo in {', '.join(map(str, images))}: looked for {', '.join(SUFFIXES)}")
    return list(found)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _embed, argv)


def _embed(a: argparse.Namespace) -> int:
    # Worker processes import this module again, and need not load PyTorch with it.
    from eval.embed_photos import embed_photos

    return embed_photos(a, find_photos(a.images))


if __name__ == "__main__":
    sys.exit(main())
