"""Imports point one way: each room uses only those above it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# From the top down. A name ending in "." is a folder: its modules may use each other.
FLOORS = (
    "facecore.errors",
    "facecore.files",
    "facecore.image",
    "facecore.device",
    "facecore.command_line",
    "facecore.models.",
    "facecore.transforms",
    "facecore.augment.",
    "facecore.faces.",
    "facecore.verification.",
    "facecore.config",
    "facecore.onnx_file",
    "facecore.runtimes",
    "facecore.onnx_network",
    "facecore.checkpoint",
    "facecore.onnx_graph",
    "facecore.backends",
    "facecore.pretrained",
    "facecore.quality_limits",
    "facecore.results",
    "facecore.preparer",
    "facecore.recognizer",
    "facecore.explain",
    "facecore.spec",
    "facecore.flags",
    "facecore.export",
    "facecore.data.",
    "facecore.train.",
    "facecore.prepare.",
    "facecore.contact_sheet",
    "facecore.compare",
    "eval.",
    "demo.",
    "app",
)
PACKAGES = ("facecore", "eval", "demo")


def _modules() -> Iterator[tuple[str, Path]]:
    for path in [
        *ROOT.glob("facecore/**/*.py"),
        *ROOT.glob("eval/**/*.py"),
        *ROOT.glob("demo/**/*.py"),
        ROOT / "app.py",
    ]:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _floor(name: str) -> int:
    for number, floor in enumerate(FLOORS):
        if name == floor.rstrip(".") or name.startswith(floor if floor.endswith(".") else f"{floor}."):
            return number
    raise AssertionError(f"{name} stands on no floor: give it a place in FLOORS")


MODULES = [module for module in _modules() if module[0] not in PACKAGES]


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_imports_point_up(name: str, path: Path) -> None:
    # `import facecore` and `from facecore import x` name the package too; what matters is the module behind it.
    ours = [found for found in _imports(path) if found.split(".")[0] in PACKAGES and "." in found]
    below = [found for found in ours if _floor(found) > _floor(name)]
    assert not below, f"{name} imports {', '.join(below)}, which stand below it"


def test_the_test_sees_the_modules() -> None:
    names = {name for name, _ in _modules()}
    assert {"facecore.recognizer", "eval.score", "demo.page", "app"} <= names


def test_app_knows_demo_alone() -> None:
    ours = {found.split(".")[0] for found in _imports(ROOT / "app.py")} & set(PACKAGES)
    assert ours == {"demo"}
