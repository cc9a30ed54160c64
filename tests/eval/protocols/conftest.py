"""Sets of small photos, and a run that knows the embeddings of them beforehand."""

import argparse
import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eval.run import ImageEmbeddings

DIM = 16


class PlantedRun:
    """Stands in for `eval.run.Run`: photos of one person lie near each other, and what is no known photo fails."""

    def __init__(self) -> None:
        self.person_of: dict[bytes, str] = {}
        self.face: str | None = None
        self.seen: list[Path | bytes] = []
        self.model = SimpleNamespace(
            name="planted", digest="0" * 64, calibration=None, directory=Path("planted"), calibration_path=Path("none")
        )

    def embed(self, photos: Sequence[Path | bytes]) -> ImageEmbeddings:
        self.seen += photos
        status, rows = [], np.full((len(photos), DIM), np.nan, np.float32)
        for row, photo in enumerate(photos):
            data = photo if isinstance(photo, bytes) else photo.read_bytes()
            person = self.person_of.get(data)
            status.append("ok" if person else "no_face")
            if person:
                rows[row] = planted(person, data)
        quality = np.where(np.isfinite(rows[:, 0]), 0.9, np.nan).astype(np.float32)
        return ImageEmbeddings(rows, tuple(status), quality, {})

    def record(self) -> dict[str, Any]:
        settings = {"face": self.face, "align": "auto", "backend": "none", "precision": "fp32"}
        return {"model": {"name": "planted", "digest": "0" * 64}, "thresholds": None, **settings}


def planted(person: str, data: bytes) -> np.ndarray:
    """A vector of length one near that of the person, moved by what the bytes say."""
    far = np.random.default_rng(int(hashlib.sha256(person.encode()).hexdigest()[:8], 16)).normal(size=DIM)
    near = np.random.default_rng(int(hashlib.sha256(data).hexdigest()[:8], 16)).normal(size=DIM)
    vector = far + 0.5 * near
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class PhotoMaker:
    """Makes small photos of two faces, each with its own light, and tells the run whose they are to be."""

    def __init__(self, run: PlantedRun, faces: list[Image.Image]) -> None:
        self.run = run
        self.faces = faces

    def photo(self, person: str, number: int) -> bytes:
        seed = hashlib.sha256(f"{person} {number}".encode()).digest()
        face = self.faces[seed[0] % len(self.faces)]
        light = np.array([0.5 + 0.5 * byte / 255 for byte in seed[1:4]])
        corner = np.asarray(face) * light
        corner[:2, :2] = np.frombuffer(seed[4:16], np.uint8).reshape(2, 2, 3)
        with io.BytesIO() as buffer:
            Image.fromarray(corner.astype(np.uint8)).save(buffer, "PNG")
            data = buffer.getvalue()
        self.run.person_of[data] = person
        return data

    def write(self, path: Path, person: str, number: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.photo(person, number))
        return path

    def people(self, root: Path, sizes: dict[str, int], suffix: str = ".png") -> Path:
        """Folders as LFW has them."""
        for name, count in sizes.items():
            for number in range(1, count + 1):
                self.write(root / name / f"{name}_{number:04d}{suffix}", name, number)
        return root


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> PlantedRun:
    """Every protocol embeds by this."""
    planted_run = PlantedRun()

    @contextmanager
    def open_run(a: argparse.Namespace, face: str = "largest") -> Iterator[PlantedRun]:
        planted_run.face = a.face or face
        yield planted_run

    for module in ("lfw", "cfp", "bins", "identities", "shards"):
        monkeypatch.setattr(f"eval.protocols.{module}.open_run", open_run)
    return planted_run


@pytest.fixture
def maker(run: PlantedRun, astronaut: np.ndarray, hopper_path: Path) -> PhotoMaker:
    faces = [Image.fromarray(astronaut).crop((150, 20, 300, 170))]
    with Image.open(hopper_path) as image:
        faces.append(image.convert("RGB").crop((180, 60, 340, 220)))
    return PhotoMaker(run, [face.resize((24, 24)) for face in faces])
