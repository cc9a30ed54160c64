"""The command line of training: flags, and what each recipe sets them to."""

import argparse
from pathlib import Path
from typing import Any

from facecore.augment import PRESETS
from facecore.models.heads import HEADS
from facecore.models.resnet import SHORTCUTS, STEMS
from facecore.train.optimizers import KINDS
from facecore.train.plan import SCHEDULES

RECIPES: dict[str, dict[str, Any]] = {
    # The reference system: whole photos, cross entropy, plain SGD with a rate that falls by 15 % an epoch.
    "reference": {
        "preset": "reference", "size": 224, "arch": "resnet18", "shortcut": "every", "embedding_dim": 0,
        "head": "softmax", "head_scale": 1.0, "margin_warmup": 0, "epochs": 15, "batch_size": 64, "lr": 0.15,
        "schedule": "exponential", "decay": 0.85, "warmup_steps": 0, "optimizer": "sgd", "momentum": 0.0,
        "weight_decay": 0.0, "max_gradient_norm": 0.0, "augment": "none", "sampler": "shuffled",
    },
    # What we would choose today for a folder of aligned faces.
    "best": {
        "preset": "aligned", "size": 112, "arch": "resnet18", "shortcut": "projection", "embedding_dim": 512,
        "head": "cosface", "head_scale": 32.0, "margin_warmup": 300, "epochs": 15, "batch_size": 64, "lr": 0.1,
        "schedule": "cosine", "decay": 1.0, "warmup_steps": 100, "optimizer": "sgd", "momentum": 0.9,
        "weight_decay": 5e-4, "max_gradient_norm": 5.0, "augment": "face", "sampler": "shuffled",
    },
    # A small network learns to answer what larger ones answer for the same faces.
    "distill": {
        "preset": "aligned", "size": 112, "arch": "resnet18", "shortcut": "projection", "embedding_dim": 0,
        "head": "cosface", "head_scale": 32.0, "margin_warmup": 2000, "phases": ["64:700000", "112:300000"],
        "batch_size": 64, "lr": 0.15,
        "schedule": "cosine", "decay": 1.0, "warmup_steps": 300, "optimizer": "sgd", "momentum": 0.9,
        "weight_decay": 5e-4, "max_gradient_norm": 5.0, "augment": "face", "sampler": "shuffled",
    },
}  # fmt: skip
# What takes the place of a recipe's values for SGD, where --optimizer is another one.
OPTIMIZERS: dict[str, dict[str, float]] = {"sgd": {}, "adamw": {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.05}}
SAMPLERS = ("shuffled", "balanced", "pk")
STARTS = ("fork", "spawn", "forkserver")

# What a resumed run may change: everything else decides which weights come out.
UNIMPORTANT = (
    "out", "resume", "debug", "device", "save_minutes", "threads", "workers", "worker_start", "hold", "accumulate",
    "max_skipped", "no_calibration", "capped",
)  # fmt: skip


def add_flags(p: argparse.ArgumentParser) -> None:
    """All flags of `python -m facecore.train`."""
    p.add_argument("data", type=Path, help="folder of training data")
    p.add_argument("--recipe", choices=list(RECIPES), required=True, help="what to learn and how; sets the defaults")
    p.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder of the run")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    p.add_argument("--init", metavar="MODEL", help="start from a bundled model (resnet18) or a model directory")
    p.add_argument("--seed", type=int, default=0, help="of weights, order, augmentation and dropout (default 0)")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    _add_network(p.add_argument_group("network"))
    _add_schedule(p.add_argument_group("schedule"))
    _add_data(p.add_argument_group("data"))
    _add_distillation(p.add_argument_group("distillation"))
    _add_machine(p.add_argument_group("machine"))


def fill_defaults(a: argparse.Namespace) -> argparse.Namespace:
    """The flags that were not given, set to what the recipe says.

    `capped` says whether the batch size may be lowered for a small folder, since nobody asked for it.
    """
    a.capped = a.batch_size is None
    recipe = RECIPES[a.recipe]
    for name, value in (recipe | OPTIMIZERS[a.optimizer or recipe["optimizer"]]).items():
        # --epochs and --phases say the same in two ways: the one that was given puts the other's default aside.
        if name in ("epochs", "phases") and (a.epochs is not None or a.phases is not None):
            continue
        if getattr(a, name) is None:
            setattr(a, name, value)
    return a


def _by_recipe(name: str) -> str:
    """The default of a flag in words."""
    values = {recipe: defaults[name] for recipe, defaults in RECIPES.items() if name in defaults}
    if len(values) == len(RECIPES) and len(set(values.values())) == 1:
        return f"(default {next(iter(values.values()))})"
    return "(default: " + ", ".join(f"{value} for {recipe}" for recipe, value in values.items()) + ")"


def _add_network(g: "argparse._ArgumentGroup") -> None:
    g.add_argument("--arch", choices=["resnet18", "resnet34", "alexnet"], help=_by_recipe("arch"))
    g.add_argument("--stem", default="7x7", choices=STEMS, help="first layer of a ResNet (default 7x7)")
    g.add_argument("--shortcut", choices=SHORTCUTS, help=f"of a ResNet {_by_recipe('shortcut')}")
    g.add_argument("--embedding-dim", type=int, metavar="D",
                   help=f"a layer of this width before the last; 0 for none {_by_recipe('embedding_dim')}")  # fmt: skip
    g.add_argument("--head", choices=HEADS, help=f"loss over identities {_by_recipe('head')}")
    g.add_argument("--head-scale", type=float, metavar="S",
                   help=f"factor on the cosines of a margin head {_by_recipe('head_scale')}")  # fmt: skip
    g.add_argument("--margin", type=float, metavar="M",
                   help="of a margin head: degrees for arcface (default 28.6) and adaface, a cosine for cosface "
                   "(default 0.35)")  # fmt: skip
    g.add_argument("--margin-warmup", type=int, metavar="STEPS",
                   help=f"steps in which the margin grows from nothing {_by_recipe('margin_warmup')}")  # fmt: skip
    g.add_argument(
        "--subcentres", type=int, default=1, metavar="K", help="centres a class, for noisy labels (default 1)"
    )


def _add_schedule(g: "argparse._ArgumentGroup") -> None:
    length = g.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, help=f"times that all images are seen {_by_recipe('epochs')}")
    length.add_argument("--phases", nargs="+", metavar="SIZE:SAMPLES",
                        help="in place of --epochs and --size: input sizes in pixels and samples at each, for example "
                        "64:700000 112:300000, which is the default of distill; with --init, 112:0 gives a distilled "
                        "model heads for new teachers and trains nothing")  # fmt: skip
    g.add_argument("--samples-done", type=int, default=0, metavar="N", help="where in the plan to begin (default 0)")
    g.add_argument("--batch-size", type=_batch_size, metavar="N|auto",
                   help="images in a step, those of all ranks together; auto takes the largest that fits into memory "
                   f"{_by_recipe('batch_size')}")  # fmt: skip
    g.add_argument("--accumulate", type=int, default=1, metavar="N",
                   help="passes of one rank a step, each over its part of the batch (default 1)")  # fmt: skip
    g.add_argument("--optimizer", choices=KINDS,
                   help="adamw has defaults of its own: a rate of 0.001, a decay of 0.05 (times the rate), and as "
                   f"--momentum beta 1 = 0.9 {_by_recipe('optimizer')}")  # fmt: skip
    g.add_argument("--lr", type=float, help=f"highest learning rate {_by_recipe('lr')}")
    g.add_argument("--schedule", choices=SCHEDULES, help=f"how it falls {_by_recipe('schedule')}")
    g.add_argument("--decay", type=float, help=f"factor an epoch, for exponential {_by_recipe('decay')}")
    g.add_argument("--warmup-steps", type=int, metavar="N", help=f"steps of rising rate {_by_recipe('warmup_steps')}")
    g.add_argument("--momentum", type=float, help=f"Nesterov momentum of SGD {_by_recipe('momentum')}")
    g.add_argument("--weight-decay", type=float, help=f"of matrices and kernels {_by_recipe('weight_decay')}")
    g.add_argument("--max-gradient-norm", type=float, metavar="N",
                   help=f"longer gradients are shortened; 0 leaves them {_by_recipe('max_gradient_norm')}")  # fmt: skip
    g.add_argument("--validate-every", type=int, default=2, metavar="EPOCHS",
                   help="epochs between two validations; one comes after the last in any case (default 2)")  # fmt: skip


def _add_data(g: "argparse._ArgumentGroup") -> None:
    g.add_argument("--preset", choices=["reference", "aligned"],
                   help="reference takes whole photos (shorter side 256/224 of --size, centre cut out, ImageNet "
                   f"normalisation), aligned takes crops {_by_recipe('preset')}")  # fmt: skip
    g.add_argument("--size", type=int, metavar="PX", help=f"height and width of the input {_by_recipe('size')}")
    g.add_argument("--augment", choices=PRESETS,
                   help="see python -m facecore.contact_sheet " + _by_recipe("augment"))  # fmt: skip
    g.add_argument("--sampler", choices=SAMPLERS,
                   help="shuffled: each image once an epoch; balanced: each person equally often; pk: --people times "
                   f"--per-person images in a step {_by_recipe('sampler')}")  # fmt: skip
    g.add_argument("--people", type=int, default=16, metavar="P", help="for --sampler pk (default 16)")
    g.add_argument("--per-person", type=int, default=4, metavar="K", help="for --sampler pk (default 4)")
    g.add_argument("--max-skipped", type=float, default=0.01, metavar="SHARE",
                   help="share of the images that may be unreadable (default 0.01)")  # fmt: skip
    g.add_argument("--best-by", choices=["val_accuracy", "verification_auc"], default="val_accuracy",
                   help="which figure chooses best/ (default val_accuracy, else the one there is)")  # fmt: skip
    g.add_argument("--no-calibration", action="store_true", help="leave the models without calibration")


def _add_distillation(g: "argparse._ArgumentGroup") -> None:
    g.add_argument("--teachers", nargs="+", metavar="COLUMN",
                   help="embeddings in the shards to learn (default: all that teachers.json names)")  # fmt: skip
    g.add_argument(
        "--teacher", metavar="MODEL", help="for folders of images: a model directory or ONNX file to learn from"
    )
    g.add_argument("--targets", type=Path, metavar="FILE",
                   help="for folders of images: embeddings: .npy, or the Parquet file of eval.embed")  # fmt: skip
    g.add_argument("--index", type=Path, metavar="FILE", help="paths in the order of the rows of --targets FILE.npy")
    g.add_argument("--target-loss", choices=["cosine", "regression"], default="cosine",
                   help="for --teacher and --targets: cosine for embeddings spread over the sphere, regression for a "
                   "Euclidean space (default cosine)")  # fmt: skip
    g.add_argument("--licences", nargs="+", metavar="LICENCE",
                   help="for shards: only faces with these values of the column licence (default: all)")  # fmt: skip
    g.add_argument(
        "--bank-size", type=int, default=8192, metavar="N", help="faces in the bank of a step (default 8192)"
    )
    g.add_argument("--label-weight", type=float, default=0.0, metavar="W",
                   help="weight of a loss over identities on what is labelled; 0 for none (default 0)")  # fmt: skip


def _add_machine(g: "argparse._ArgumentGroup") -> None:
    g.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    g.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16", "fp16"],
                   help="of the convolutions; auto is bf16 where the device has it (default auto)")  # fmt: skip
    g.add_argument("--compile", action="store_true", help="compile the network first; needs a C++ compiler")
    g.add_argument("--threads", type=int, metavar="N", help="processor threads (default: PyTorch's choice)")
    g.add_argument("--workers", type=int, default=4, metavar="N", help="processes that read images (default 4)")
    g.add_argument("--worker-start", choices=STARTS, help="how they are started (default: the platform's way)")
    g.add_argument("--hold", choices=["auto", "memory", "disk"], default="auto",
                   help="keep all images in memory, or read them each time; auto keeps what fits into a quarter of "
                   "the free memory (default auto)")  # fmt: skip
    g.add_argument("--save-minutes", type=float, default=3, metavar="M", help="between two checkpoints (default 3)")
    g.add_argument("--log-every", type=int, default=0, metavar="STEPS",
                   help="a row in metrics.csv; 0 is one an epoch, or 100 steps with --phases (default 0)")  # fmt: skip


def _batch_size(word: str) -> int | str:
    if word == "auto":
        return word
    try:
        number = int(word)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is neither a number from 1 up nor auto")
    return number
