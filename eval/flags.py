"""Flags that all command lines that embed photos have in common."""

import argparse
from pathlib import Path

from eval.cache import default_folder
from facecore.flags import add_align_flag, add_decision_flags, add_model_flags


def add_run_flags(p: argparse.ArgumentParser, decisions: bool = True) -> None:
    """The flags that `eval.run.open_run` reads, those of `facecore.flags` included.

    Args:
        p: gets the flags.
        decisions: whether the command decides anything, and takes `--far` and `--threshold`.
    """
    p.add_argument("--face", choices=["largest", "centre", "only"],
                   help="which face of several; only: more than one is a failure (default: centre for LFW, "
                   "CFP and .bin sets, else largest)")  # fmt: skip
    p.add_argument("--workers", type=int, metavar="N",
                   help="processes that read photos and find faces; 0: none, do it in this one "
                   "(default: one a core, or what a cluster has room for)")  # fmt: skip
    p.add_argument("--timeout", type=float, default=120, metavar="S",
                   help="seconds after which a photo is given up (default 120)")  # fmt: skip
    p.add_argument("--batch-size", type=int, default=64, metavar="N", help="faces in one pass (default 64)")
    p.add_argument("--precision", default="fp32", choices=["auto", "fp32", "bf16", "fp16"],
                   help="of the network (default fp32)")  # fmt: skip
    p.add_argument("--cache", type=Path, metavar="DIR",
                   help=f"where embeddings are kept, to go on from (default {default_folder()})")  # fmt: skip
    p.add_argument("--no-cache", action="store_true", help="keep none; a run that is stopped cannot be resumed")
    p.add_argument("--engine", choices=["local", "ray"], default="local",
                   help="local: this machine; ray: a Ray cluster (needs pip install 'ray[data]')")  # fmt: skip
    p.add_argument("--ray-address", metavar="ADDRESS",
                   help="of the cluster (default: one that is started on this machine)")  # fmt: skip
    add_align_flag(p)
    if decisions:
        add_decision_flags(p)
    add_model_flags(p)
