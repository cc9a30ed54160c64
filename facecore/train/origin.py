"""Where a run's weights come from: arguments, versions, machine and the state of the code, in arguments.json."""

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import facecore
from facecore.errors import DataError
from facecore.files import write_text
from facecore.train.state import CHECKPOINT

ORIGIN = "arguments.json"
LIBRARIES = ("torch", "torchvision", "numpy", "pillow")
GIT_SECONDS = 10
"""How long git may take; on a slow network folder the run then goes on without its answer."""


def origin(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All that is needed to do this run again, as JSON takes it. Nothing in it can fail.

    Args:
        arguments: by name; paths become text as they were typed, whatever else JSON does not know its `str`.

    Returns:
        `time` (UTC, ISO 8601), `command`, `arguments`, `seed` (None where there is none among the arguments),
        `versions`, `machine` and `git` (None where facecore does not run from a checkout, or there is no git).
        No path is in it but those that the user typed.
    """
    exact = {name: _plain(value) for name, value in arguments.items()}
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": _command(),
        "arguments": exact,
        "seed": exact.get("seed"),
        "versions": _versions(),
        "machine": _machine(),
        "git": git_state(Path(facecore.__file__).parent),
    }


def write_origin(run: Path, arguments: Mapping[str, Any]) -> None:
    """Write arguments.json of a run.

    Where the run has a checkpoint it goes on: the file stays as it is then, and this part of the run is added to its
    list `resumed`.

    Args:
        run: folder of the run.
        arguments: as in `origin`.

    Raises:
        DataError: the file of the run that goes on cannot be read.
        OSError: the run cannot be written to.
    """
    path = run / ORIGIN
    content = origin(arguments)
    if path.exists() and (run / CHECKPOINT).exists():
        content = _resumed(path, content)
    write_text(path, json.dumps(content, indent=1) + "\n")


def git_state(folder: Path) -> dict[str, Any] | None:
    """The commit that the code in a folder is from: `commit`, and whether a file in the folder differs (`dirty`).

    None where the folder's `__init__.py` is in no repository (an installed package may lie within somebody else's),
    or git is absent or gives no answer.
    """
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--", ".")
    return None if commit is None or changes is None else {"commit": commit.strip(), "dirty": bool(changes.strip())}


def _git(folder: Path, *words: str) -> str | None:
    """What git prints; None where it fails."""
    # Variables of a git hook around us would name another repository; a lock would disturb the user's own git.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, env=environment, capture_output=True, timeout=GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")


def _resumed(path: Path, part: dict[str, Any]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}. Delete it to go on without it") from error
    if not isinstance(content, dict) or not isinstance(content.get("resumed", []), list):
        raise DataError(f"{path}: does not say how a run was started. Delete it to go on without it")
    return {**content, "resumed": [*content.get("resumed", []), part]}


def _command() -> str:
    """The command line; programs by their name, since the system puts their whole path there."""
    program, *words = sys.orig_argv
    return shlex.join([Path(program).name, *(Path(word).name if word == sys.argv[0] else word for word in words)])


def _plain(value: object) -> object:
    """The value as JSON takes it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _versions() -> dict[str, str | None]:
    own = {"python": platform.python_version(), "facecore": facecore.__version__}
    return own | {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _machine() -> dict[str, Any]:
    gpus = (
        [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    )
    if torch.backends.mps.is_available():
        gpus.append("Apple MPS")
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "devices": gpus,
    }


def _processor() -> str | None:
    """The processor's model where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return platform.processor() or None
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, None) or platform.processor() or None
