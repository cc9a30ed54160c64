import json
import os
import shlex
import subprocess
import sys
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy
import pytest
import torch

import facecore
from facecore.errors import DataError
from facecore.train import origin as module
from facecore.train.origin import git_state, origin, write_origin
from facecore.train.state import CHECKPOINT


def _git(folder: Path, *words: str) -> str:
    names = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *names, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in a repository, below its root."""
    folder = tmp_path / "project" / "package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    _git(folder.parent, "init", "--quiet")
    _git(folder.parent, "add", ".")
    _git(folder.parent, "commit", "--quiet", "-m", "one")
    return folder


def test_what_is_recorded() -> None:
    arguments = vars(Namespace(data=Path("faces/train"), lr=0.15, seed=3, phases=("64:10", "112:5"), init=None))
    content = origin(arguments)
    assert json.loads(json.dumps(content)) == content
    expected = {"data": "faces/train", "lr": 0.15, "seed": 3, "phases": ["64:10", "112:5"], "init": None}
    assert content["arguments"] == expected
    assert content["seed"] == 3
    assert content["versions"]["torch"] == torch.__version__.split("+")[0]
    assert content["versions"]["numpy"] == numpy.__version__
    assert content["versions"]["facecore"] == facecore.__version__
    assert content["machine"]["threads"] == torch.get_num_threads()
    assert datetime.now(UTC) - datetime.fromisoformat(content["time"]) < timedelta(minutes=1)
    assert origin({})["seed"] is None


def test_whatever_the_arguments_are_they_can_be_written() -> None:
    content = origin({"a": {Path("x"): {1}}, "b": numpy.float32(2), "c": torch.device("cpu"), "d": True})
    assert content["arguments"] == {"a": {"x": [1]}, "b": "2.0", "c": "cpu", "d": True}
    json.dumps(content)


def test_the_command_is_the_one_that_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["-m", "facecore.train", "my faces", "--out", "run 1"]
    monkeypatch.setattr(sys, "orig_argv", ["/some/where/bin/python3", *typed])
    monkeypatch.setattr(sys, "argv", ["/some/where/facecore/train/__main__.py", *typed[2:]])
    assert shlex.split(origin({})["command"]) == ["python3", *typed]
    monkeypatch.setattr(sys, "orig_argv", ["/some/where/bin/python3", "/some/where/bin/train", "faces"])
    monkeypatch.setattr(sys, "argv", ["/some/where/bin/train", "faces"])
    assert origin({})["command"] == "python3 train faces"


def test_no_path_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-m", "facecore.train", "faces"])
    text = json.dumps(origin({"data": Path("faces")}))
    for place in (Path(facecore.__file__).parent, Path.home(), Path.cwd(), Path(sys.prefix)):
        assert str(place) not in text


def test_git(package: Path) -> None:
    commit = _git(package, "rev-parse", "HEAD").strip()
    assert git_state(package) == {"commit": commit, "dirty": False}
    (package.parent / "notes.txt").write_text("not the code")
    assert git_state(package) == {"commit": commit, "dirty": False}
    (package / "new.py").write_text("1")
    assert git_state(package) == {"commit": commit, "dirty": True}
    (package / "new.py").unlink()
    (package / "__init__.py").write_text("2")
    assert git_state(package) == {"commit": commit, "dirty": True}


def test_git_of_somebody_else(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = package.parent / "venv" / "facecore"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    assert git_state(installed) is None  # lies in the repository but is not part of it
    assert git_state(tmp_path) is None
    assert git_state(tmp_path / "nowhere") is None
    monkeypatch.setenv("GIT_DIR", str(package.parent / ".git"))  # as in a hook
    assert git_state(tmp_path) is None


@pytest.mark.parametrize("script", ["exit 1", "exec sleep 60", None])
def test_git_that_does_not_work(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    if script is not None:
        (path / "git").write_text(f"#!/bin/sh\n{script}\n")
        (path / "git").chmod(0o755)
    monkeypatch.setattr(module, "GIT_SECONDS", 0.2)
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}/bin" if script else str(path))
    assert git_state(package) is None
    assert origin({})["git"] is None


def test_a_run_that_goes_on_adds_to_the_file(tmp_path: Path) -> None:
    write_origin(tmp_path, {"lr": 1})
    write_origin(tmp_path, {"lr": 2})  # killed before it had a checkpoint: begins anew
    path = tmp_path / "arguments.json"
    first = json.loads(path.read_text())
    assert first["arguments"] == {"lr": 2}
    assert "resumed" not in first
    (tmp_path / CHECKPOINT).touch()
    for threads in (3, 4):
        write_origin(tmp_path, {"lr": 2, "threads": threads})
    content = json.loads(path.read_text())
    parts = content.pop("resumed")
    assert content == first
    assert [part["arguments"]["threads"] for part in parts] == [3, 4]
    assert all(part["versions"] == first["versions"] for part in parts)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["arguments.json", CHECKPOINT]


@pytest.mark.parametrize("text", ["{", "[]", '{"resumed": 3}'])
def test_a_damaged_file_is_not_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "arguments.json"
    path.write_text(text)
    (tmp_path / CHECKPOINT).touch()
    with pytest.raises(DataError, match=r"arguments\.json"):
        write_origin(tmp_path, {})
    assert path.read_text() == text
