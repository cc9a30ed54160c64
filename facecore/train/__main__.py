"""Train an embedding network.

    python -m facecore.train DATA --recipe reference --out RUN     whole photos, cross entropy, plain SGD
    python -m facecore.train DATA --recipe best --out RUN          aligned crops, margin head, cosine, augmentation
    python -m facecore.train SHARDS --recipe distill --out RUN     learn the embeddings of larger networks
    python -m facecore.train DATA ... --out RUN --resume           go on after a stop, to the same weights

For reference and best, DATA holds a folder of images for each person, in

    DATA/train_data/PERSON/*.jpg            (or DATA/classification_data/train_data, or the people right in DATA)
    DATA/val_data, DATA/test_data           the same people, other photos; may be missing
    DATA/verification_data/*.jpg            photos of pairs, and lists of them in DATA/verification_pairs*.txt; the same

`python -m facecore.prepare PHOTOS DATA --split` makes all of this, aligned, of a folder of photos for each person. For
distill, DATA is a folder of Parquet shards with teachers' embeddings, or a folder of images together with --teacher
MODEL or --targets FILE.

RUN gets arguments.json (arguments, versions, git state), metrics.csv (a row an epoch), curves.png, tensorboard/,
checkpoint.pt (every few minutes), and the models last/ and best/, each with its calibration where the pairs allow one.

On several GPUs or machines: torchrun --nproc-per-node 8 -m facecore.train DATA ... with the same flags; --batch-size
stays what all of them together take in a step.

Exit code: 0 done; 2 wrong usage or data that cannot be used; 3 the result could not be written; 130 interrupted, and
--resume goes on.
"""

import argparse
import sys

from facecore.command_line import run_command
from facecore.flags import add_onnx_flags
from facecore.train.flags import add_flags, fill_defaults


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m facecore.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_flags(p)
    add_onnx_flags(p)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _train, argv)


def _train(a: argparse.Namespace) -> int:
    # Worker processes that are started afresh import this module again, and need not load all of it.
    from facecore.train.run import run_training

    return run_training(fill_defaults(a))


if __name__ == "__main__":
    sys.exit(main())
