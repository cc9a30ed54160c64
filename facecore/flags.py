"""Flags that several command lines have in common, so that they mean and say the same everywhere."""

import argparse

from facecore.pretrained import DEFAULT_MODEL


def add_model_flags(p: argparse.ArgumentParser) -> None:
    """`--model`, `--device` and `--debug`."""
    p.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME",
                   help=f"a bundled model, a model directory, or hf:org/repo (default {DEFAULT_MODEL})")  # fmt: skip
    p.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")


def add_decision_flags(p: argparse.ArgumentParser) -> None:
    """`--align`, `--far` and `--threshold`."""
    p.add_argument("--align", choices=["auto", "fast", "none"], default="auto",
                   help="auto does what the model was trained for; fast looks at each face once instead of twice; "
                   "none takes the photos as they are (default auto)")  # fmt: skip
    p.add_argument("--far", type=float, metavar="F", help="decide by the threshold at this false accept rate alone")
    p.add_argument("--threshold", type=float, metavar="T", help="decide by this score alone")
