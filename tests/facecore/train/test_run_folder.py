import json
import subprocess
import sys
from pathlib import Path

import pytest

from facecore.errors import DataError
from facecore.train.run_folder import LOCKS, check_folder, found_batch_size, locked

ARGUMENTS = {"lr": 0.1, "batch_size": "auto", "init": None, "phases": ["64:100"]}
HOLD = """
import sys
from pathlib import Path
from facecore.train.run_folder import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", False, ARGUMENTS)
    with pytest.raises(DataError, match="no checkpoint to go on from: start the run without --resume"):
        check_folder(tmp_path / "new", True, ARGUMENTS)
    (tmp_path / "checkpoint.pt").touch()
    check_folder(tmp_path, True, ARGUMENTS)
    with pytest.raises(DataError, match=r"holds a run already: go on with --resume, or give another --out"):
        check_folder(tmp_path, False, ARGUMENTS)


@pytest.mark.parametrize("name", ["last", "best"])
def test_models_without_a_checkpoint_are_replaced_by_their_own_run_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"{name}: this model of another run would be replaced"):
        check_folder(tmp_path, False, ARGUMENTS)
    record = tmp_path / "arguments.json"
    record.write_text(json.dumps({"arguments": ARGUMENTS}))
    check_folder(tmp_path, False, ARGUMENTS)
    with pytest.raises(DataError, match="another run"):
        check_folder(tmp_path, False, {**ARGUMENTS, "lr": 0.2})
    record.write_text("[")
    with pytest.raises(DataError, match="another run"):
        check_folder(tmp_path, False, ARGUMENTS)


@pytest.mark.slow
@pytest.mark.skipif(not LOCKS, reason="this system has no file locks")
def test_one_run_at_a_time(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "one"  # made by the lock
    command = [sys.executable, "-c", HOLD, str(run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        (run / ".checkpoint.pt.abc.part").touch()
        with pytest.raises(DataError, match="another run is writing there"), locked(run):
            pass
        assert (run / ".checkpoint.pt.abc.part").exists()  # it may be in the middle of writing it
        other.kill()
    with locked(run):  # whoever is killed holds nothing
        pass


@pytest.mark.skipif(not LOCKS, reason="this system has no file locks")
def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    for name in (".last.abc.part", ".best.abc.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
    (tmp_path / ".checkpoint.pt.abc.part").touch()
    (tmp_path / "notes.part").touch()  # somebody else's
    with locked(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "notes.part"]


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"batch_size": "many"}'])
def test_a_run_that_does_not_say_its_batch_size(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "progress.json").write_text(content)
    with pytest.raises(DataError, match="does not say which batch size"):
        found_batch_size(tmp_path)


def test_the_batch_size_that_was_found(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text('{"batch_size": 48}')
    assert found_batch_size(tmp_path) == 48
