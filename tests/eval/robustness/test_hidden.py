"""Covers, and the probe that tells covered faces: on drawn embeddings, on two faces, and on real ones."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval.robustness.__main__ import features, main
from eval.robustness.covering import SHAPES, cover
from eval.robustness.damage import Crop
from eval.robustness.hidden import FALSE_ALARMS, Faces, cover_faces, make_probe, measure_probe, read_faces
from facecore.errors import DataError, ModelError
from facecore.faces.hidden import HiddenProbe
from facecore.quality_limits import QualityLimits, read_limits
from facecore.recognizer import FaceRecognizer

WIDTH = 16
KINDS = list(SHAPES)


def drawn(people: int, photos: int, moved: float, seed: int = 0) -> Faces:
    """Embeddings about each person's own; covered ones are moved along one direction, some kinds less far."""
    random = np.random.default_rng(seed)
    names = np.repeat(np.arange(people), photos)
    plain = random.normal(0, 1, (people, WIDTH))[names] + random.normal(0, 0.5, (len(names), WIDTH))
    kinds = np.resize(np.array(KINDS), len(names))
    covered = plain + random.normal(0, 0.5, plain.shape)
    covered[:, 0] += np.where(kinds == KINDS[1], moved / 4, moved)
    unit = [(rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32) for rows in (plain, covered)]
    return Faces(unit[0], unit[1], kinds, names)


def test_the_probe_finds_the_direction_and_keeps_to_its_false_alarms() -> None:
    probe, unseen = make_probe(drawn(200, 4, 8.0))
    direction = np.array(probe.direction)
    assert np.argmax(np.abs(direction)) == 0
    assert direction[0] > 0
    assert unseen.plain == pytest.approx(FALSE_ALARMS, abs=1 / 800)
    others = measure_probe(probe, drawn(400, 4, 8.0, seed=1))
    assert (others.faces, others.people) == (1600, 400)
    assert others.plain == pytest.approx(FALSE_ALARMS, abs=0.015)
    for warned in (unseen, others):
        assert list(warned.covered) == KINDS
        assert min(warned.covered[kind] for kind in (KINDS[0], *KINDS[2:])) > 0.9
        assert warned.covered[KINDS[1]] < 0.6


def test_where_covers_leave_no_trace_hardly_any_is_caught() -> None:
    """Each person is in one fold alone: else the fit would know them, and the share would look better than it is."""
    _, warned = make_probe(drawn(40, 20, 0.0))
    assert max(warned.covered.values()) < 0.15


def test_a_probe_is_made_alike_twice_and_measured_as_it_is_used() -> None:
    faces = drawn(50, 4, 3.0)
    probe, _ = make_probe(faces)
    assert probe == make_probe(faces)[0]
    assert all(value == float(f"{value:.4g}") for value in (*probe.direction, probe.offset))
    warned = measure_probe(probe, faces)
    assert warned.plain == np.mean([probe.value(embedding) > 0 for embedding in faces.plain])
    first = faces.covered[faces.kinds == KINDS[0]]
    assert warned.covered[KINDS[0]] == np.mean([probe.value(embedding) > 0 for embedding in first])
    with pytest.raises(ModelError, match="has 2 numbers, but the model's features have 16"):
        measure_probe(HiddenProbe((1.0, 2.0), 0.0), faces)


def test_one_person_is_not_enough() -> None:
    with pytest.raises(DataError, match="people it has not seen, and there is one alone"):
        make_probe(drawn(1, 20, 3.0))


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [(KINDS[0], 0.26, 0.5), (KINDS[1], 0.26, 0.56), (KINDS[2], 0.08, 0.2), (KINDS[3], 0.15, 0.46)],
)
def test_a_cover_lies_where_it_should_and_leaves_the_rest(
    kind: str, low: float, high: float, crops: list[Crop]
) -> None:
    crop, other = crops
    random = np.random.default_rng(0)
    textures = set()
    for _ in range(40):
        covered = cover(crop, other, kind, random)
        changed = (covered != crop).any(axis=2)
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        assert (covered.dtype, covered.shape) == (np.uint8, crop.shape)
        # Some pixels are as they were by chance, but none outside the rectangle that was covered.
        area = (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1) / crop[..., 0].size
        assert low <= area <= high
        assert changed.mean() > 0.8 * area
        if kind == KINDS[0]:
            assert rows.min() >= 58
            assert rows.max() == 111
        if kind == KINDS[1]:
            assert rows.min() == 0
        if kind == KINDS[2]:
            assert rows.min() <= 48 <= rows.max() + 1
        textures.add(len(np.unique(covered[changed], axis=0)) == 1)
    assert textures == {True, False}  # one colour, and others


def test_faces_are_covered_in_all_ways_in_turn(crops: list[Crop]) -> None:
    seen: list[list[Crop]] = []

    def embed(some: Sequence[Crop]) -> np.ndarray:
        rows = list(some)
        seen.append(rows)
        return np.stack([row[::28, ::28].ravel() for row in rows]).astype(np.float32)

    many = crops * 4
    faces = cover_faces(many, np.arange(8), np.random.default_rng(0), embed)
    assert faces.kinds.tolist() == KINDS * 2
    plain, covered = seen
    assert all(a is b for a, b in zip(plain, many, strict=True))
    for kind, before, after in zip(faces.kinds.tolist(), plain, covered, strict=True):
        rows = np.flatnonzero((before != after).any(axis=(1, 2)))
        assert len(rows)
        assert (rows.max() == 111) or kind != KINDS[0]
        assert (rows.min() == 0) or kind != KINDS[1]


def test_faces_are_chosen_among_the_named_ones(tiny_shards: Path) -> None:
    sizes: list[int] = []

    def embed(some: Sequence[Crop]) -> np.ndarray:
        rows = np.stack(list(some))
        sizes.append(len(rows))
        return rows.reshape(len(rows), -1)[:, ::500].astype(np.float32)

    faces = read_faces(tiny_shards, "fit", 30, 0, embed)
    assert sizes == [30, 30]
    assert len(np.unique(faces.people)) == 30  # without a name each counts as one more
    again, other = (read_faces(tiny_shards, "fit", 30, seed, embed) for seed in (0, 1))
    np.testing.assert_array_equal(faces.covered, again.covered)
    assert not np.array_equal(faces.plain, other.plain)
    with pytest.raises(DataError, match='no pair belongs to the half "nowhere"'):
        read_faces(tiny_shards, "nowhere", 30, 0, embed)


@pytest.fixture
def named_shards(tiny_shards: Path) -> Path:
    """With the two people's names."""
    for path in tiny_shards.glob("faces-*.parquet"):
        table = pq.read_table(path)
        names = pa.array([f"p{i % 2}" for i in range(table.num_rows)])
        pq.write_table(table.append_column("person", names), path)
    return tiny_shards


@pytest.mark.slow
def test_the_command_makes_a_probe_and_tells_what_the_model_s_own_is_worth(
    named_shards: Path, tmp_path: Path, recognizer: FaceRecognizer, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "quality.json"
    flags = [str(named_shards), "--out", str(tmp_path / "out"), "--damage", "rotation", "--photos", "2"]
    flags += ["--hidden", "40", "--batch-size", "8", "--device", "cpu"]
    assert main([*flags, "--half", "fit", "--limits", str(path)]) == 0
    made = QualityLimits.from_dict(json.loads(path.read_text())).hidden
    assert made is not None
    assert made != read_limits(recognizer.model.directory).hidden
    made.check(recognizer.feature_dim)
    assert "each tried on people it has not seen" in capsys.readouterr().out
    assert main(flags) == 0
    report = capsys.readouterr().out
    assert report.strip() == (tmp_path / "out" / "robustness.md").read_text().strip()
    own = read_limits(recognizer.model.directory).hidden
    assert own is not None
    faces = read_faces(named_shards, "test", 40, 0, lambda crops: features(recognizer, crops, 8))
    warned = measure_probe(own, faces)
    assert "half test" in report.split("### The warning of hidden faces")[1]
    for share, name in (
        (warned.plain, "not covered (false alarms)"),
        (warned.covered[KINDS[0]], f"covered {KINDS[0]}"),
    ):
        assert f"| {name} | {100 * share:.1f} % |" in report


@pytest.mark.data
@pytest.mark.slow
def test_the_bundled_probe_keeps_its_promise_on_people_kept_apart(
    shared_data: Path, recognizer: FaceRecognizer
) -> None:
    """Other faces than the card's: 300 covered in each of the four ways tell a share to 9 in 100."""
    own = read_limits(recognizer.model.directory, recognizer.feature_dim).hidden
    assert own is not None
    faces = read_faces(shared_data / "train", "test", 1200, 1, lambda crops: features(recognizer, crops, 64))
    warned = measure_probe(own, faces)
    assert warned.plain < 0.05
    assert np.mean(list(warned.covered.values())) > 0.6
    card = (recognizer.model.directory / "README.md").read_text(encoding="utf-8")
    for kind, share in warned.covered.items():
        row = card.partition(f"| covered {kind} | ")[2]
        assert share == pytest.approx(float(row.partition(" %")[0]) / 100, abs=0.09)
