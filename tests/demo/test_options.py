from pathlib import Path

import pytest

from demo import text_options as text
from demo.options import QUEUE_SIZE, Options, read_options


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], environment: dict[str, str]) -> str:
    with pytest.raises(SystemExit) as error:
        read_options(arguments, environment)
    assert error.value.code == 2
    return capsys.readouterr().err


def test_nothing_given() -> None:
    assert read_options([], {}) == Options(None, None, (), (), "", QUEUE_SIZE, False)


def test_the_environment_fills_in(tmp_path: Path) -> None:
    (tmp_path / "accounts").write_text("# who may\nana:a:b\n\n bo:c \n")
    environment = {
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": "8001",
        "FACECORE_MODEL": "resnet18-open, resnet18",
        "FACECORE_AUTH_FILE": str(tmp_path / "accounts"),
        "GRADIO_ROOT_PATH": "/faces/",
        "FACECORE_QUEUE_SIZE": "3",
    }
    accounts = (("ana", "a:b"), ("bo", "c"))
    assert read_options([], environment) == Options(
        "0.0.0.0", 8001, ("resnet18-open", "resnet18"), accounts, "/faces", 3, False
    )
    assert read_options([], {"GRADIO_MCP_SERVER": "True"}).mcp


def test_models(tmp_path: Path) -> None:
    """A directory may have a comma in its name; the command line goes first, and takes several."""
    (tmp_path / "a, b").mkdir()
    assert read_options([], {"FACECORE_MODEL": str(tmp_path / "a, b")}).models == (str(tmp_path / "a, b"),)
    assert read_options([], {"FACECORE_MODEL": ""}).models == ()
    assert read_options(["--model", "x", "y, z"], {"FACECORE_MODEL": "resnet18"}).models == ("x", "y, z")


def test_the_command_line_goes_first() -> None:
    environment = {"GRADIO_SERVER_PORT": "8001", "GRADIO_MCP_SERVER": "1", "FACECORE_QUEUE_SIZE": "3"}
    options = read_options(["--port", "8002", "--no-mcp", "--queue-size", "5", "--auth", "ana:secret"], environment)
    assert (options.port, options.mcp, options.queue_size) == (8002, False, 5)
    assert options.accounts == (("ana", "secret"),)


def test_a_password_leaves_the_environment_and_is_not_shown() -> None:
    environment = {"FACECORE_AUTH": "ana:secret"}
    options = read_options([], environment)
    assert options.accounts == (("ana", "secret"),)
    assert environment == {}
    assert "secret" not in repr(options)


@pytest.mark.parametrize("given", ["secret", ":secret", "secret:"])
def test_a_password_of_another_form_is_refused_unseen(capsys: pytest.CaptureFixture[str], given: str) -> None:
    for arguments, environment in ((["--auth", given], {}), ([], {"FACECORE_AUTH": given})):
        words = refused(capsys, arguments, dict(environment))
        assert text.AUTH_FORM in words
        assert "secret" not in words


def test_files_of_passwords_that_hold_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    absent, empty, damaged = (tmp_path / name for name in ("absent", "empty", "damaged"))
    empty.write_text("# nobody\n")
    damaged.write_bytes(b"\xff\xfe:x")
    for path, words in (
        (absent, text.AUTH_FILE_UNREADABLE),
        (empty, text.AUTH_FILE_EMPTY),
        (damaged, text.AUTH_FILE_UNREADABLE),
    ):
        assert words in refused(capsys, ["--auth-file", str(path)], {})
        assert words in refused(capsys, [], {"FACECORE_AUTH_FILE": str(path)})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "eighty"], text.PORT_RANGE),
        (["--port", "65536"], text.PORT_RANGE),
        (["--port", "-1"], text.PORT_RANGE),
        (["--queue-size", "0"], text.QUEUE_RANGE),
        (["--root-path", "faces"], text.ROOT_PATH_FORM),
        (["--mcp", "--auth", "ana:secret"], text.MCP_AND_AUTH),
        (["--auth", "a:b", "--auth-file", "x"], "not allowed with"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert words in refused(capsys, arguments, {})


def test_wrong_variables(capsys: pytest.CaptureFixture[str]) -> None:
    assert text.PORT_RANGE in refused(capsys, [], {"GRADIO_SERVER_PORT": "eighty"})
    assert text.QUEUE_RANGE in refused(capsys, [], {"FACECORE_QUEUE_SIZE": "many"})


@pytest.mark.parametrize(("given", "expected"), [("/", ""), ("/a/b/", "/a/b"), ("https://a.b/c", "https://a.b/c")])
def test_root_paths(given: str, expected: str) -> None:
    assert read_options(["--root-path", given], {}).root_path == expected


def test_help_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        read_options(["--help"], {})
    assert error.value.code == 0
    words = capsys.readouterr().out
    for name in (
        "GRADIO_SERVER_NAME",
        "GRADIO_SERVER_PORT",
        "FACECORE_MODEL",
        "FACECORE_AUTH)",
        "FACECORE_AUTH_FILE",
        "GRADIO_ROOT_PATH",
        "FACECORE_QUEUE_SIZE",
        "GRADIO_MCP_SERVER",
    ):
        assert name in "".join(words.split())
