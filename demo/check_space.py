"""Check before publishing whether Hugging Face will take this folder as a Space.

    python -m demo.check_space [FOLDER]

Exit codes: 0 it will, 1 something has to be mended, 2 the folder cannot be read.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]

# What the Hub's documentation of a Space's configuration allows ("Spaces Configuration Reference"), and that of model
# and dataset cards for `license`, which any repository there may have.
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
SDKS = ("gradio", "docker", "static")
HEADERS = ("mini", "default")
STORAGES = ("small", "medium", "large")
HARDWARE = (
    "cpu-basic", "cpu-upgrade", "t4-small", "t4-medium", "l4x1", "l4x4", "l40sx1", "l40sx4", "l40sx8", "a10g-small",
    "a10g-large", "a10g-largex2", "a10g-largex4", "a100-large", "a100x4", "a100x8",
)  # fmt: skip
CHOICES = {
    "colorFrom": COLOURS,
    "colorTo": COLOURS,
    "sdk": SDKS,
    "header": HEADERS,
    "suggested_hardware": HARDWARE,
    "suggested_storage": STORAGES,
}
SWITCHES = ("fullWidth", "pinned", "hf_oauth", "disable_embedding")
NUMBERS = ("app_port", "hf_oauth_expiration_minutes")
LISTS = ("models", "datasets", "tags", "hf_oauth_scopes", "preload_from_hub")
WORDS = (
    "title", "emoji", "python_version", "sdk_version", "app_file", "app_build_command", "base_path",
    "short_description", "thumbnail", "startup_duration_timeout", "license", "license_name", "license_link",
)  # fmt: skip
OTHERS = ("hf_oauth_authorized_org", "custom_headers")  # a word or a list; headers by their names
KEYS = frozenset((*CHOICES, *SWITCHES, *NUMBERS, *LISTS, *WORDS, *OTHERS))
NEEDED = ("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "app_file")
LONGEST_DESCRIPTION = 60  # characters; no limit is documented, but longer ones have been refused
LARGEST = 10_000_000  # bytes of a file that is no LFS object
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"3\.\d+(\.\d+)?")


def main(argv: Sequence[str] | None = None) -> int:
    """Print what has to be mended. Exit codes: see the module."""
    parser = argparse.ArgumentParser(prog="python -m demo.check_space", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT, help="default: the folder of this program")
    folder: Path = parser.parse_args(argv).folder
    try:
        problems = [*check_readme(folder), *check_sizes(folder)]
    except (OSError, UnicodeDecodeError) as error:
        print(f"check_space: {folder} cannot be read: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(problem)
    if not problems:
        print("The folder can be published as a Space.")
    return 1 if problems else 0


def check_readme(folder: Path) -> list[str]:
    """What the Hub would not take in the block at the top of README.md, a sentence each.

    Raises:
        OSError: README.md or requirements.txt cannot be read.
        UnicodeDecodeError: one of them is no UTF-8.
    """
    before, mark, after = (folder / "README.md").read_text(encoding="utf-8").partition("---\n")
    block, end, _ = after.partition("\n---\n")
    if not mark or before.strip() or not end:
        return ["README.md must begin with a block between two lines of three hyphens."]
    try:
        matter = yaml.safe_load(block)
    except yaml.YAMLError as error:
        return [f"The block at the top of README.md is no YAML: {' '.join(str(error).split())}."]
    if not isinstance(matter, dict):
        return ["The block at the top of README.md holds no keys."]
    missing = [f"{key} is missing." for key in NEEDED if matter.get(key) in (None, "")]
    unknown = [f"{key} is no key that Spaces know." for key in matter if key not in KEYS]
    return [*missing, *unknown, *_values(matter), *_files(matter, folder)]


def _values(matter: dict[str, Any]) -> Iterator[str]:
    given = {key: value for key, value in matter.items() if value not in (None, "")}
    for key, value in given.items():
        yield from _of_its_kind(key, value)
    description = str(given.get("short_description", ""))
    if len(description) > LONGEST_DESCRIPTION:
        yield f"short_description has {len(description)} characters, and {LONGEST_DESCRIPTION} are allowed."
    if (emoji := given.get("emoji")) and not _one_emoji(str(emoji)):
        yield f"emoji must be a single emoji, not {emoji!r}."
    if not str(given.get("base_path", "/")).startswith("/"):
        yield f"base_path is {given['base_path']!r}: it begins with a slash."
    if not all(_TAG.fullmatch(str(tag)) for tag in _listed(given.get("tags"))):
        yield "tags must be words of letters, digits, dots and hyphens."
    if given.get("license") == "other" and not (given.get("license_name") and given.get("license_link")):
        yield "license is other, and needs license_name and license_link."


def _of_its_kind(key: str, value: object) -> Iterator[str]:
    """What is wrong with a value that is not of the kind that its key takes."""
    if key in CHOICES and value not in CHOICES[key]:
        yield f"{key} is {value!r}: choose one of {', '.join(CHOICES[key])}."
    elif key in SWITCHES and not isinstance(value, bool):
        yield f"{key} must be true or false."
    elif key in NUMBERS and (not isinstance(value, int) or isinstance(value, bool)):
        yield f"{key} must be a whole number, not {value!r}."
    elif key in LISTS and not _listed(value):
        yield f"{key} must be a list of words."
    elif key == "python_version" and not (isinstance(value, str) and _VERSION.fullmatch(value)):
        yield f'python_version is {value!r}: write it in quotes, such as "3.11", or 3.10 becomes 3.1.'
    elif key in WORDS and not isinstance(value, str):
        yield f"{key} is {value!r}: write it in quotes."


def _listed(value: object) -> list[str]:
    """The words of a list, none if it is anything else."""
    return value if isinstance(value, list) and all(isinstance(word, str) for word in value) else []


def _files(matter: dict[str, Any], folder: Path) -> Iterator[str]:
    for key in ("app_file", "license_link", "thumbnail"):
        name = str(matter.get(key) or "")
        if name and "://" not in name and not (folder / name).is_file():
            yield f"{key} names {name}, which is not there."
    pinned = re.search(r"^gradio(?:\[[^]]*\])?==(\S+)", (folder / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    if pinned is None:
        yield "requirements.txt does not pin gradio, so that sdk_version cannot be checked."
    elif str(matter.get("sdk_version")) != pinned[1]:
        yield f"sdk_version is {matter.get('sdk_version')}, and requirements.txt has gradio {pinned[1]}."


def _one_emoji(text: str) -> bool:
    """Whether this is one emoji: a pictograph, maybe with what changes its look, or several that are joined."""
    joined = text.split("\u200d")
    if not all(joined):
        return False
    flag = len(text) == 2 and all("\U0001f1e6" <= character <= "\U0001f1ff" for character in text)
    return flag or all(_pictograph(part[0]) and all(map(_modifier, part[1:])) for part in joined)


def _pictograph(character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in ((0x1F300, 0x1FAFF), (0x2190, 0x2BFF), (0x3030, 0x3299)))


def _modifier(character: str) -> bool:
    return character == "\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff"


def check_sizes(folder: Path) -> list[str]:
    """Files over 10 MB that git tracks and that are no LFS objects; without git, all files but hidden ones count.

    Raises:
        OSError: the folder cannot be read.
    """
    attributes = folder / ".gitattributes"
    lines = attributes.read_text("utf-8").splitlines() if attributes.is_file() else []
    patterns = [line.split()[0] for line in lines if "filter=lfs" in line.split()]
    large = [
        name
        for name in _tracked(folder)
        if (folder / name).is_file()
        and (folder / name).stat().st_size > LARGEST
        and not any(Path(name).match(pattern) for pattern in patterns)
    ]
    return [f"{name} is larger than 10 MB and no LFS object." for name in large]


def _tracked(folder: Path) -> list[str]:
    command = ["git", "-C", str(folder), "ls-files", "-z"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        found = (path.relative_to(folder) for path in folder.rglob("*"))
        return sorted(str(path) for path in found if not any(part.startswith(".") for part in path.parts))
    return [name for name in listed.split("\0") if name]


if __name__ == "__main__":
    sys.exit(main())
