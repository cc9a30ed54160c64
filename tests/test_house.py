"""Files around the code that have to agree with each other."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
TAGS = re.compile(r"[a-z0-9][a-z0-9.-]*")


@pytest.fixture(scope="module")
def front_matter() -> dict[str, object]:
    _, block, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    content = yaml.safe_load(block)
    assert isinstance(content, dict)
    return content


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {r.name: str(r.specifier).removeprefix("==") for r in requirements}


def test_the_space_runs_the_gradio_that_was_tested(front_matter: dict[str, object], pins: dict[str, str]) -> None:
    assert front_matter["sdk"] == "gradio"
    assert front_matter["sdk_version"] == pins["gradio"]
    assert front_matter["python_version"] == "3.11"
    assert front_matter["license"] == "other"
    assert (ROOT / str(front_matter["app_file"])).exists()
    assert (ROOT / str(front_matter["license_link"])).exists()
    assert len(str(front_matter["short_description"])) <= 60
    tags = front_matter["tags"]
    assert isinstance(tags, list)
    assert all(TAGS.fullmatch(tag) for tag in tags)


def test_the_ranges_hold_the_pins(pins: dict[str, str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ranges = {r.name: r.specifier for r in map(Requirement, project["dependencies"])}
    assert ranges.keys() == pins.keys()
    outside = [name for name, version in pins.items() if not ranges[name].contains(version)]
    assert not outside


def test_what_the_readme_points_to_is_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert links
    assert all((ROOT / link).exists() for link in links)


def test_no_file_is_too_large_for_the_hub() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    files = [ROOT / name for name in listed.decode().split("\0") if name]
    large = [file for file in files if file.exists() and file.stat().st_size > 10_000_000]
    assert files
    assert not large


@pytest.mark.slow
def test_the_package_brings_the_weights_and_the_commands(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("facecore-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"facecore/weights/{name}/config.json" for name in ("resnet18", "resnet18-open")} <= set(names)
    assert sum(name.endswith(".safetensors") for name in names) > 1
    assert {"eval/score.py", "demo/page.py", "facecore/py.typed"} <= set(names)
    assert not [name for name in names if name.startswith("tests")]
    (points,) = [name for name in names if name.endswith("entry_points.txt")]
    text = zipfile.ZipFile(wheel).read(points).decode()
    assert "facecore-compare = facecore.compare:main" in text
    assert "facecore-score = eval.score:main" in text
