import subprocess
from pathlib import Path

import pytest

from demo.check_space import LARGEST, ROOT, check_readme, check_sizes, main

GOOD = {
    "title": "facecore",
    "emoji": "🔎",
    "colorFrom": "gray",
    "colorTo": "blue",
    "sdk": "gradio",
    "sdk_version": "6.31.0",
    "python_version": '"3.11"',
    "app_file": "app.py",
    "license": "other",
    "license_name": "research",
    "license_link": "app.py",
    "short_description": "Two photos",
    "tags": "[face-verification]",
    "pinned": "false",
}


def make(folder: Path, **changes: str | None) -> Path:
    lines = [f"{key}: {value}" for key, value in {**GOOD, **changes}.items() if value is not None]
    (folder / "README.md").write_text("---\n" + "\n".join(lines) + "\n---\n\n# facecore\n", encoding="utf-8")
    (folder / "requirements.txt").write_text("# pins\ngradio==6.31.0\nnumpy==2.0\n")
    (folder / "app.py").touch()
    return folder


def test_this_repository_can_be_published(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(ROOT)]) == 0
    assert capsys.readouterr().out == "The folder can be published as a Space.\n"


def test_a_good_block(tmp_path: Path) -> None:
    assert check_readme(make(tmp_path)) == []


@pytest.mark.parametrize("emoji", ["🔎", "👩‍🚀", "☀️", "👍🏽", "🇫🇷"])
def test_emoji(tmp_path: Path, emoji: str) -> None:
    assert check_readme(make(tmp_path, emoji=emoji)) == []


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("title", None, "title is missing."),
        ("sdk", None, "sdk is missing."),
        ("title", "2026", "title is 2026: write it in quotes."),
        ("header", "large", "header is 'large': choose one of mini, default."),
        ("suggested_hardware", "h200", "suggested_hardware is 'h200': choose one of cpu-basic"),
        ("fullWidth", "wide", "fullWidth must be true or false."),
        ("app_port", "http", "app_port must be a whole number, not 'http'."),
        ("app_port", "true", "app_port must be a whole number, not True."),
        ("models", "facecore/resnet18", "models must be a list of words."),
        ("datasets", "[1, 2]", "datasets must be a list of words."),
        ("base_path", "demo", "base_path is 'demo': it begins with a slash."),
        ("short_description", "x" * 61, "short_description has 61 characters, and 60 are allowed."),
        ("emoji", "face", "emoji must be a single emoji"),
        ("emoji", "🔎🔎", "emoji must be a single emoji"),
        ("colorFrom", "orange", "colorFrom is 'orange': choose one of red"),
        ("colorTo", "grey", "colorTo is 'grey'"),
        ("sdk", "streamlit", "sdk is 'streamlit'"),
        ("sdk_version", "6.30.0", "sdk_version is 6.30.0, and requirements.txt has gradio 6.31.0."),
        ("python_version", "3.10", "python_version is 3.1: write it in quotes"),
        ("python_version", '"2.7"', "python_version is '2.7'"),
        ("app_file", "absent.py", "app_file names absent.py, which is not there."),
        ("license_link", "ABSENT", "license_link names ABSENT"),
        ("license_name", None, "license is other, and needs license_name"),
        ("tags", "face", "tags must be a list"),
        ("tags", "[face verification]", "tags must be words"),
        ("pinned", "maybe", "pinned must be true or false."),
        ("colour", "red", "colour is no key that Spaces know."),
    ],
)
def test_what_spaces_do_not_take(tmp_path: Path, key: str, value: str | None, words: str) -> None:
    (problem,) = check_readme(make(tmp_path, **{key: value}))
    assert problem.startswith(words)


@pytest.mark.parametrize(
    ("readme", "words"),
    [
        ("# facecore\n", "must begin with a block"),
        ("text\n---\ntitle: x\n---\n", "must begin with a block"),
        ("---\ntitle: x\n", "must begin with a block"),
        ("---\ntitle: [x\n---\n", "is no YAML"),
        ("---\njust words\n---\n", "holds no keys"),
    ],
)
def test_a_block_that_cannot_be_read(tmp_path: Path, readme: str, words: str) -> None:
    make(tmp_path)
    (tmp_path / "README.md").write_text(readme)
    (problem,) = check_readme(tmp_path)
    assert words in problem


def test_gradio_without_a_pin(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "requirements.txt").write_text("gradio>=6\n")
    assert check_readme(tmp_path) == ["requirements.txt does not pin gradio, so that sdk_version cannot be checked."]


def test_large_files(tmp_path: Path) -> None:
    for name in ("large.bin", "stored.onnx", "small.bin"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(10 if name == "small.bin" else LARGEST + 1)
    (tmp_path / ".gitattributes").write_text("*.onnx filter=lfs diff=lfs merge=lfs -text\n")
    expected = ["large.bin is larger than 10 MB and no LFS object."]
    assert check_sizes(tmp_path) == expected
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert check_sizes(tmp_path) == []  # git knows none of them yet
    subprocess.run(["git", "-C", str(tmp_path), "add", "large.bin", "small.bin"], check=True)
    assert check_sizes(tmp_path) == expected


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(make(tmp_path, emoji="x"))]) == 1
    assert "emoji" in capsys.readouterr().out
    assert main([str(tmp_path / "absent")]) == 2
    assert "cannot be read" in capsys.readouterr().err
