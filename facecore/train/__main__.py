"""Train an embedding network.

    python -m facecore.train DATA --recipe distill --out RUN

DATA is a folder of Parquet shards with aligned faces and teachers' embeddings (faces-*.parquet, teachers.json,
val_pairs.parquet). The run is planned in samples: --phases 64:700000 112:300000 shows 700,000 faces at 64 pixels,
then 300,000 at 112, under one learning rate that falls to zero at the end.

RUN gets arguments.json, metrics.csv, progress.json, checkpoint.pt (every few minutes) and at the end model/, a model
directory with calibration. Stopped at any moment, the same command with --resume goes on from the last checkpoint and
ends in the same weights. --init MODEL --samples-done N goes on from a saved model with a new optimiser instead.
"""

import argparse
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from facecore import checkpoint
from facecore.augment import Augmentation
from facecore.command_line import DONE, run_command
from facecore.config import ModelConfig
from facecore.data.parquet import read_pairs, read_shards, shard_paths
from facecore.device import pick_device, pick_precision
from facecore.errors import DataError
from facecore.files import write_text
from facecore.models import Student
from facecore.train.evidence import calibrate_on_shards, choose_weights
from facecore.train.loop import Settings, drop_rows_after, make_sgd, train
from facecore.train.plan import Plan, parse_phases
from facecore.train.recipes.distill import TEACHERS, Distillation, make_student
from facecore.train.state import CHECKPOINT, Progress, load_state, save_state

METRICS = "metrics.csv"

# What a run must have in common with the one that it resumes: everything that changes the weights.
UNIMPORTANT = ("out", "resume", "debug", "device", "save_minutes", "log_every", "threads")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m facecore.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("data", type=Path, help="folder of shards")
    p.add_argument("--recipe", choices=["distill"], required=True, help="distill: learn the teachers' embeddings")
    p.add_argument("--out", type=Path, required=True, help="folder of the run")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    p.add_argument("--init", type=Path, metavar="MODEL", help="start from the weights of this model directory")
    p.add_argument("--samples-done", type=int, default=0, metavar="N", help="where in the phases to begin (default 0)")
    p.add_argument("--phases", nargs="+", default=["64:700000", "112:300000"], metavar="SIZE:SAMPLES",
                   help="input sizes in pixels and samples at each (default 64:700000 112:300000)")  # fmt: skip
    p.add_argument("--teachers", nargs="+", default=list(TEACHERS), choices=list(TEACHERS),
                   help="columns of embeddings to learn (default: all)")  # fmt: skip
    p.add_argument("--backbone", default="resnet18", choices=["resnet18", "resnet34"], help="(default resnet18)")
    p.add_argument("--stem", default="7x7", choices=["7x7", "3x3"], help="first layer (default 7x7)")
    p.add_argument("--batch-size", type=int, default=64, help="faces in a step (default 64)")
    p.add_argument("--bank-size", type=int, default=8192, help="faces in the bank of a step (default 8192)")
    p.add_argument("--lr", type=float, default=0.15, help="highest learning rate (default 0.15)")
    p.add_argument("--warmup-steps", type=int, default=300, help="steps of rising learning rate (default 300)")
    p.add_argument("--momentum", type=float, default=0.9, help="Nesterov momentum (default 0.9)")
    p.add_argument("--weight-decay", type=float, default=5e-4, help="of matrices and kernels (default 5e-4)")
    p.add_argument("--max-gradient-norm", type=float, default=5.0, help="(default 5)")
    p.add_argument("--seed", type=int, default=0, help="of weights, order, augmentation and banks (default 0)")
    p.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    p.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"],
                   help="of the convolutions; auto is bf16 where the device has it (default auto)")  # fmt: skip
    p.add_argument("--threads", type=int, help="processor threads (default: PyTorch's choice)")
    p.add_argument("--save-minutes", type=float, default=3, help="between two checkpoints (default 3)")
    p.add_argument("--log-every", type=int, default=100, metavar="STEPS", help="a row in metrics.csv (default 100)")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _train, argv)


def _train(a: argparse.Namespace) -> int:
    device = pick_device(a.device)
    autocast = pick_precision(a.precision, device)
    if a.threads:
        torch.set_num_threads(a.threads)
    arguments = _arguments(a)
    _prepare_run(a, arguments)
    torch.manual_seed(a.seed)
    shard_paths(a.data)
    read_pairs(a.data, "fit")  # needed at the end, and better missed now than after hours
    shards = read_shards(a.data, ["train"], a.teachers)
    if a.batch_size > len(shards):
        raise DataError(f"--batch-size {a.batch_size} is larger than the data, which has {len(shards)} faces")
    student = _initial(a.init, a.teachers) if a.init else make_student(shards.targets, a.backbone, a.stem)
    student = student.to(device).to(memory_format=torch.channels_last).train()
    config = _config(student, a)
    optimizer = make_sgd(student, a.momentum, a.weight_decay)
    first = a.samples_done // a.batch_size
    plan = Plan(parse_phases(a.phases), a.batch_size, a.lr, a.warmup_steps, first)
    start = load_state(a.out, student, optimizer, arguments) if a.resume else Progress(first, 0.0)
    drop_rows_after(a.out / METRICS, start.step)
    recipe = Distillation(shards, device, config.input(), Augmentation(), a.bank_size, a.batch_size, a.seed)
    del shards

    def save(progress: Progress) -> None:
        save_state(a.out, student, optimizer, progress, arguments)
        _write_progress(a.out, progress, plan)

    settings = Settings(device, autocast, a.max_gradient_norm, a.log_every, a.save_minutes * 60)
    finished = train(
        student,
        optimizer,
        plan,
        lambda step, size: recipe.loss(student, step, size),
        start,
        settings,
        a.out / METRICS,
        save,
    )
    return _finish(a, student, config, finished, plan)


def _finish(a: argparse.Namespace, student: Student, config: ModelConfig, finished: Progress, plan: Plan) -> int:
    config.training.update(samples=finished.step * plan.batch_size, hours=round(finished.seconds / 3600, 2))
    model = a.out / "model"
    checkpoint.save(model, student, config)
    student.weights = choose_weights(model, a.data, a.device)
    config.arguments.update(student.arguments)
    checkpoint.save(model, student, config)
    print(f"wrote {model}", file=sys.stderr)
    calibration = calibrate_on_shards(model, a.data, a.device)
    checkpoint.save_calibration(model, calibration)
    print(json.dumps(calibration.evidence, indent=1))
    return DONE


def _arguments(a: argparse.Namespace) -> dict[str, Any]:
    words = {key: value for key, value in vars(a).items() if key not in UNIMPORTANT}
    return {key: str(value) if isinstance(value, Path) else value for key, value in words.items()}


def _prepare_run(a: argparse.Namespace, arguments: dict[str, Any]) -> None:
    a.out.mkdir(parents=True, exist_ok=True)
    if not a.resume:
        if (a.out / CHECKPOINT).exists():
            raise DataError(f"{a.out} holds a run already: go on with --resume, or give another --out")
        (a.out / METRICS).unlink(missing_ok=True)
        content = {"arguments": arguments, "torch": torch.__version__, "command": shlex.join(sys.argv)}
        write_text(a.out / "arguments.json", json.dumps(content, indent=1) + "\n")


def _initial(directory: Path, teachers: list[str]) -> Student:
    network = checkpoint.load(directory).network
    if not isinstance(network, Student):
        raise DataError(f"{directory}: the recipe distill goes on from a student, this is a {type(network).__name__}")
    if set(network.heads) != set(teachers):
        raise DataError(f"{directory}: was taught by {', '.join(network.heads)}: give just these with --teachers")
    return network


def _config(student: Student, a: argparse.Namespace) -> ModelConfig:
    phases = [asdict(phase) for phase in parse_phases(a.phases)]
    training = {"recipe": a.recipe, "teachers": a.teachers, "phases": phases, "seed": a.seed}
    return ModelConfig("student", student.arguments, preset="aligned", size=phases[-1]["size"], training=training)


def _write_progress(run: Path, progress: Progress, plan: Plan) -> None:
    samples = progress.step * plan.batch_size
    content = {
        "samples_done": samples,
        "samples_planned": plan.steps * plan.batch_size,
        "hours": progress.seconds / 3600,
    }
    write_text(run / "progress.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
