"""One combination after another in folders of its own; what is finished stays, what was interrupted goes on."""

import argparse
import json
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from eval.ablation.child import Ended, run_program
from eval.ablation.plan import Combination, Speed, budget_flags, measured_speed
from facecore.errors import DataError
from facecore.files import write_text
from facecore.train.record import METRICS, read_rows
from facecore.train.state import CHECKPOINT

STATE = "ablation.json"
LOG = "train.log"
SPEED = "speed"
TRAIN = "facecore.train"
DIVERGED = re.compile(r"the (loss|length of the gradient) is (nan|-?inf)")

Status = Literal["planned", "done", "diverged", "failed"]


@dataclass(frozen=True)
class State:
    """Where a run stands.

    Attributes:
        request: what it was asked for: the same request goes on with it, another is refused.
        flags: of its length, found out before it began.
        status: how it ended; "planned" where it did not.
        reason: why it failed or diverged.
        seconds: of the training program from start to end, over all parts of the run.
        speed_seconds: of measuring the speed first.
        peak_bytes: the largest memory of the training program.
    """

    request: dict[str, Any]
    flags: tuple[str, ...] = ()
    status: Status = "planned"
    reason: str = ""
    seconds: float = 0.0
    speed_seconds: float = 0.0
    peak_bytes: int = 0


@dataclass(frozen=True)
class Comparison:
    """What all runs share.

    Attributes:
        data: folder of training data.
        out: folder of the runs.
        recipe: of training.
        size: height and width of the input in pixels.
        epochs: of each run, or None.
        minutes: of each run, or None.
        speed_steps: steps of each of the two parts in which the speed is measured.
        flags: further ones for training.
        given: the flags that all share, as the command line of training reads them, without its defaults.
    """

    data: Path
    out: Path
    recipe: str
    size: int
    epochs: int | None
    minutes: float | None
    speed_steps: int
    flags: tuple[str, ...]
    given: argparse.Namespace

    def request(self, combination: Combination) -> dict[str, Any]:
        """All that decides what a run finds."""
        shared = {"recipe": self.recipe, "size": self.size, "epochs": self.epochs, "minutes": self.minutes}
        return {"data": str(self.data), **asdict(combination), **shared, "flags": list(self.flags)}

    def command(self, combination: Combination, run: Path, more: Sequence[str]) -> list[str]:
        """The command of one run."""
        shared = [str(self.data), "--recipe", self.recipe, "--size", str(self.size), "--no-calibration"]
        return [sys.executable, "-m", TRAIN, *shared, *combination.flags(), *self.flags, *more, "--out", str(run)]


def read_state(run: Path) -> State | None:
    """Where a run stands; None where it has not begun.

    Raises:
        DataError: the file cannot be read.
    """
    path = run / STATE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return State(**{**content, "flags": tuple(content["flags"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: is damaged ({error}): run again with --force, or give another --out") from error


def check_folder(comparison: Comparison, combination: Combination, force: bool) -> None:
    """Refuse the folder of a run that is something else, or one of another request; with `force`, empty it.

    Raises:
        DataError: see above.
    """
    run = comparison.out / combination.folder
    if not run.exists():
        return
    if not (run / STATE).exists():
        raise DataError(f"{run}: is there, and is no run of this program: give another --out")
    if force:
        shutil.rmtree(run)
        return
    state = read_state(run)
    request = comparison.request(combination)
    if state is not None and state.request != request:
        names = [name for name in request if state.request.get(name) != request[name]]
        changes = ", ".join(f"{name} was {state.request.get(name)} and is now {request[name]}" for name in names)
        raise DataError(f"{run}: was made with other flags ({changes}): give another --out, or --force to replace it")


def run_combination(comparison: Comparison, combination: Combination) -> State:
    """Train a combination to its end; nothing is done where it has ended already.

    Raises:
        KeyboardInterrupt: after the run has written its checkpoint.
        OSError: the folder cannot be written to.
    """
    run = comparison.out / combination.folder
    state = read_state(run) or State(comparison.request(combination))
    if state.status in ("done", "diverged"):
        return state
    run.mkdir(parents=True, exist_ok=True)
    _write(run, state)
    if not state.flags:
        state = _plan(comparison, combination, run, state)
        _write(run, state)
    if state.flags:
        more = [*state.flags, "--resume"] if (run / CHECKPOINT).exists() else state.flags
        ended = run_program(comparison.command(combination, run, more), run / LOG)
        state = _after(state, ended)
        _write(run, state)
    return state


def _plan(comparison: Comparison, combination: Combination, run: Path, state: State) -> State:
    """How long the run is to be; for a budget of minutes, its speed is measured first."""
    if comparison.minutes is None:
        return replace(state, flags=("--epochs", str(comparison.epochs)))
    folder, steps = run / SPEED, comparison.speed_steps
    shutil.rmtree(folder, ignore_errors=True)
    samples = 2 * steps * combination.batch_size
    # The speed does not depend on the rate, and at a low one nothing diverges.
    careful = replace(combination, lr=1e-6)
    more = ["--phases", f"{comparison.size}:{samples}", "--log-every", str(steps)]
    ended = run_program(comparison.command(careful, folder, more), run / LOG)
    rows = read_rows(folder / METRICS)
    shutil.rmtree(folder, ignore_errors=True)
    if ended.code:
        return replace(_after(state, ended), seconds=0.0, speed_seconds=ended.seconds)
    speed: Speed = measured_speed(rows)
    flags = budget_flags(comparison.minutes, speed, combination.batch_size, comparison.given)
    return replace(state, flags=tuple(flags), speed_seconds=ended.seconds)


def _after(state: State, ended: Ended) -> State:
    seconds, peak = state.seconds + ended.seconds, max(state.peak_bytes, ended.peak_bytes)
    status: Status = "done" if ended.code == 0 else "diverged" if DIVERGED.search(ended.last_line) else "failed"
    return replace(state, status=status, reason=_reason(ended), seconds=seconds, peak_bytes=peak)


def _reason(ended: Ended) -> str:
    if ended.code == 0:
        return ""
    if ended.code < 0:
        name = signal.Signals(-ended.code).name
        return f"killed by {name}" + (", as the system does when memory runs out" if name == "SIGKILL" else "")
    # Of a loss that is not finite, what to do next is of no use in a table.
    message = ended.last_line.removeprefix(f"python -m {TRAIN}: ").partition(": training stopped")[0]
    return message or f"exit code {ended.code}"


def _write(run: Path, state: State) -> None:
    write_text(run / STATE, json.dumps(asdict(state), indent=1) + "\n")
