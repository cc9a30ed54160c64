import argparse

import pytest

from facecore.command_line import run_command
from facecore.errors import ImageError


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser("tool")
    p.add_argument("--debug", action="store_true")
    return p


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ImageError("a.jpg: empty"), 2),
        (ValueError("--far 2 is no rate"), 2),
        (OSError(28, "No space left on device", "scores.csv"), 3),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_becomes_a_line_and_a_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(_: argparse.Namespace) -> int:
        raise error

    assert run_command(_parser(), command, []) == code
    shown = capsys.readouterr()
    assert shown.err.startswith("tool: ")
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def command(_: argparse.Namespace) -> int:
        raise ValueError("wrong")

    assert run_command(_parser(), command, ["--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_wrong_usage_is_2_and_help_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_parser(), lambda _: 0, ["--nothing"]) == 2
    assert run_command(_parser(), lambda _: 0, ["--help"]) == 0
    capsys.readouterr()


def test_an_error_of_ours_is_not_hidden() -> None:
    def command(_: argparse.Namespace) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command(_parser(), command, [])
