import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval import score
from eval.cache import FILE, Cache
from facecore.errors import CacheError
from facecore.recognizer import FaceRecognizer

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """The command in this process alone, which spares each test the start of workers."""
    return score.main([*arguments, "--workers", "0"] if "--workers" not in arguments else arguments)


@pytest.fixture
def folder(tmp_path: Path, astronaut: np.ndarray, hopper_path: Path, coffee: np.ndarray) -> Path:
    """Good, dark, small, missing, corrupt, faceless and outside images, and a list that names them all."""
    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(astronaut).save(images / "astronaut.png")
    Image.fromarray((astronaut * 0.5).astype(np.uint8)).save(images / "dark, one.png")
    (images / "hopper.jpg").write_bytes(hopper_path.read_bytes())
    (images / "broken.jpg").write_bytes(hopper_path.read_bytes()[:5000])
    Image.fromarray(coffee).save(images / "coffee.png")
    Image.fromarray(astronaut).save(tmp_path / "secret.png")
    (tmp_path / "pairs.txt").write_text(
        "# left right label\n"
        'astronaut.png "dark, one.png" 1\n'
        "astronaut.png hopper.jpg 0\n"
        "\n"
        "hopper.jpg hopper.jpg 1\n"
        "missing.jpg astronaut.png 0\n"
        "broken.jpg coffee.png 0\n"
        "astronaut.png ../secret.png 1\n"
    )
    return tmp_path


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_row_a_line_whatever_is_wrong(
    folder: Path, recognizer: FaceRecognizer, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "out.csv"
    assert main([str(folder / "pairs.txt"), "--images", str(folder / "images"), "--out", str(out)]) == 0
    rows = _rows(out)
    assert list(rows[0]) == ["left", "right", "score", "probability", "decision", "status", "label"]
    assert [row["status"] for row in rows] == [
        "ok",
        "ok",
        "ok",
        "left:missing",
        "left:unreadable;right:no_face",
        "right:outside_root",
    ]
    assert [row["decision"] for row in rows] == ["same", "different", "same", "failed", "failed", "failed"]
    assert [row["label"] for row in rows] == ["1", "0", "1", "0", "0", "1"]
    assert all((row["score"] == "") == (row["decision"] == "failed") for row in rows)
    expected = recognizer.compare(folder / "images/astronaut.png", folder / "images/hopper.jpg")
    assert rows[1]["decision"] == expected.verdict
    assert float(rows[1]["score"]) == pytest.approx(expected.score, abs=1e-5)
    assert float(rows[1]["probability"]) == pytest.approx(expected.probability, abs=1e-4)
    shown = capsys.readouterr()
    assert "6 pairs, 5 distinct images" in shown.out
    assert "3 pairs failed (images: 1 unreadable, 1 no_face, 1 missing, 1 outside_root)" in shown.out.replace(
        "1 missing, 1 unreadable, 1 no_face", "1 unreadable, 1 no_face, 1 missing"
    ) or all(f"1 {code}" in shown.out for code in ("unreadable", "no_face", "missing", "outside_root"))
    assert "AUC" in shown.out
    assert "embedding" in shown.err


def test_the_record_says_how_the_numbers_came_about(folder: Path, recognizer: FaceRecognizer) -> None:
    out = folder / "out.csv"
    main([str(folder / "pairs.txt"), "--images", str(folder / "images"), "--out", str(out), "--face", "centre"])
    record = json.loads((folder / "out.json").read_text())
    assert record["model"]["digest"] == recognizer.model.digest
    assert record["face"] == "centre"
    assert record["pairs"] == 6
    assert record["failed_pairs"] == 3
    assert record["list"]["kind"] == "labelled"
    assert len(record["thresholds"]) == 3
    assert record["threshold"] == pytest.approx(recognizer.calibration and recognizer.calibration.threshold)


@pytest.mark.slow
def test_the_command_alone(folder: Path) -> None:
    """`python -m eval.score pairs.txt`, the images beside the list, the result in the current folder."""
    (folder / "images" / "pairs.txt").write_text("astronaut.png hopper.jpg\n")
    before = folder / "images" / "scores.csv"
    before.write_text("an older result")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "eval.score", "pairs.txt"]
    done = subprocess.run(command, cwd=folder / "images", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = _rows(before)
    assert len(rows) == 1
    assert rows[0]["status"] == "ok"
    assert list(rows[0]) == ["left", "right", "score", "probability", "decision", "status"]
    assert sorted(p.name for p in (folder / "images").glob("*scores*")) == ["scores.csv", "scores.json"]


def test_allow_outside(folder: Path) -> None:
    out = folder / "out.csv"
    main([str(folder / "pairs.txt"), "--images", str(folder / "images"), "--out", str(out), "--allow-outside"])
    row = _rows(out)[5]
    assert row["status"] == "ok"
    assert float(row["score"]) == pytest.approx(1, abs=1e-5)


@pytest.fixture
def few_pixels(folder: Path, astronaut: np.ndarray) -> Path:
    """A list whose last line is one person, so small in one photo that the score says little."""
    Image.fromarray(astronaut).resize((70, 70)).resize((512, 512)).save(folder / "images/few.png")
    with (folder / "pairs.txt").open("a") as file:
        file.write("astronaut.png few.png 1\n")
    return folder


def test_a_score_between_is_uncertain(few_pixels: Path) -> None:
    out = few_pixels / "out.csv"
    main([str(few_pixels / "pairs.txt"), "--images", str(few_pixels / "images"), "--out", str(out)])
    *_, row = _rows(out)
    assert (row["decision"], row["status"]) == ("uncertain", "ok")
    assert 0.5 < float(row["probability"]) < 0.99


@pytest.mark.slow
@pytest.mark.parametrize("flags", [["--threshold", "1"], ["--threshold", "-1"], ["--far", "0.001"]])
def test_one_threshold_leaves_nothing_uncertain(few_pixels: Path, flags: list[str]) -> None:
    folder, out = few_pixels, few_pixels / "out.csv"
    main([str(folder / "pairs.txt"), "--images", str(folder / "images"), "--out", str(out), *flags])
    scored = [row for row in _rows(out) if row["score"]]
    limit = json.loads((folder / "out.json").read_text())["threshold"]
    assert limit == pytest.approx(float(flags[1])) or flags[0] == "--far"
    assert {row["decision"] for row in scored} <= {"same", "different"}
    # The last digit of a printed score is rounded.
    assert all((row["decision"] == "same") == (float(row["score"]) > limit - 1e-6) for row in scored)


def test_lfw_lists_take_the_face_in_the_centre(folder: Path, astronaut: np.ndarray, hopper_path: Path) -> None:
    hopper = np.asarray(Image.open(hopper_path).convert("RGB").resize((437, 512)))
    both = np.concatenate([hopper, astronaut[:, 100:360], np.zeros((512, 437, 3), np.uint8)], axis=1)
    for name in ("Ann", "Bea"):
        (folder / "lfw" / name).mkdir(parents=True)
    Image.fromarray(both).save(folder / "lfw/Ann/Ann_0001.png")
    Image.fromarray(astronaut).save(folder / "lfw/Bea/Bea_0002.png")
    (folder / "lfw.txt").write_text("1\t1\nBea\t2\t2\nAnn\t1\tBea\t2\n")
    scores = {}
    for face in ([], ["--face", "largest"]):
        out = folder / "out.csv"
        assert main([str(folder / "lfw.txt"), "--images", str(folder / "lfw"), "--out", str(out), *face]) == 0
        scores[bool(face)] = float(_rows(out)[1]["score"])
    assert scores[False] > 0.9 > scores[True]


def test_small_crops_without_a_face_are_taken_whole(folder: Path, coffee: np.ndarray) -> None:
    Image.fromarray(coffee[:100, :100]).save(folder / "images" / "small.png")
    (folder / "images" / "list.csv").write_text("left,right,note\nsmall.png,astronaut.png,=x\n")
    out = folder / "out.csv"
    assert main([str(folder / "images" / "list.csv"), "--out", str(out), "--spreadsheet-safe"]) == 0
    row = _rows(out)[0]
    assert (row["status"], row["note"]) == ("ok:whole", "'=x")
    assert row["score"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("a.jpg\nb.jpg\n", "line 1"),
        ("a.jpg b.jpg 1\nc.jpg d.jpg 7\n", "line 2"),
        ("\0\1\2\3" * 50, "not a text file"),
    ],
)
def test_a_list_that_cannot_be_read(folder: Path, capsys: pytest.CaptureFixture[str], content: str, words: str) -> None:
    (folder / "bad.txt").write_text(content)
    assert main([str(folder / "bad.txt"), "--out", str(folder / "out.csv")]) == 2
    shown = capsys.readouterr()
    assert "bad.txt" in shown.err
    assert words in shown.err
    assert not (folder / "out.csv").exists()


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--images", "nowhere"], 2),
        (["--model", "nothing"], 2),
        (["--far", "0.5", "--threshold", "0.5"], 2),
        (["--far", "1e-12"], 2),
        (["--workers", "-1"], 2),
        (["--templates", "members.csv"], 2),
        (["--list-kind", "template"], 2),
        (["--cache", "/dev/null/x"], 2),
        (["--batch-size", "0"], 2),
        (["--face", "biggest"], 2),
        (["--columns", "x", "y"], 2),
        (["--out", "nowhere/scores.csv"], 3),
        (["--out", "scores.json"], 2),
    ],
)
def test_a_mistake_is_told_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str], flags: list[str], code: int
) -> None:
    assert (
        main([str(folder / "pairs.txt"), "--images", str(folder / "images"), "--out", str(folder / "o.csv"), *flags])
        == code
    )
    shown = capsys.readouterr()
    assert "python -m eval.score" in shown.err
    assert "Traceback" not in shown.err
    assert "embedding:" not in shown.err


@pytest.mark.parametrize("name", ["pairs.txt", "images/../pairs.txt"])
def test_the_list_is_not_written_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(folder)
    before = (folder / "pairs.txt").read_bytes()
    assert main(["pairs.txt", "--images", "images", "--out", name]) == 2
    assert "would replace pairs.txt" in capsys.readouterr().err
    assert (folder / "pairs.txt").read_bytes() == before


def test_the_list_is_found_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder / "nothing.txt")]) == 2
    assert "nothing.txt" in capsys.readouterr().err


def test_a_photo_that_costs_many_pairs_is_named_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["gone.jpg astronaut.png\n"] * 1000 + ["broken.jpg broken.jpg\n", "\x1b[31m.jpg \x1b[31m.jpg\n"]
    (folder / "images" / "many.txt").write_text("".join(lines))
    assert main([str(folder / "images" / "many.txt"), "--out", str(folder / "out.csv")]) == 0
    shown = capsys.readouterr().err
    assert shown.count("gone.jpg") == 1
    assert "missing: gone.jpg: 1,000 pairs" in shown
    assert "unreadable: broken.jpg: 1 pair" in shown
    assert r"missing: \x1b[31m.jpg: 1 pair" in shown  # a name gives no orders to the terminal
    assert len(_rows(folder / "out.csv")) == 1002


@pytest.mark.slow
def test_a_second_run_is_the_same_and_embeds_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [str(folder / "pairs.txt"), "--images", str(folder / "images"), "--quality", "--out"]
    assert main([*command, str(folder / "first.csv")]) == 0
    capsys.readouterr()
    assert main([*command, str(folder / "second.csv")]) == 0
    assert "embedding:" not in capsys.readouterr().err
    assert main([*command, str(folder / "third.csv"), "--no-cache"]) == 0
    results = [(folder / name).read_bytes() for name in ("first.csv", "second.csv", "third.csv")]
    assert results[0] == results[1] == results[2]
    row = _rows(folder / "first.csv")[0]
    assert 0 <= float(row["left_quality"]) <= 1
    assert 0 <= float(row["right_quality"]) <= 1


def test_a_course_list_is_handed_in(folder: Path) -> None:
    """The sample of a submission, beside which the photos lie, becomes the submission."""
    (folder / "images" / "sample.csv").write_text(
        "ID,Label\nastronaut.png hopper.jpg,0\nhopper.jpg hopper.jpg,0\nmissing.jpg hopper.jpg,0\n"
    )
    out = folder / "out.csv"
    flags = ["--format", "kaggle", "--kaggle-columns", "ID", "Label", "--images", str(folder)]
    assert main([str(folder / "images" / "sample.csv"), "--out", str(out), *flags]) == 0
    lines = out.read_text().splitlines()
    assert lines[0] == "ID,Label"
    assert lines[1].startswith("astronaut.png hopper.jpg,0.")
    assert lines[2:] == ["hopper.jpg hopper.jpg,1.000000", "missing.jpg hopper.jpg,-1"]


@pytest.mark.slow
def test_templates(folder: Path, recognizer: FaceRecognizer, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "members.csv").write_text(
        'template,image\nann,astronaut.png\nann,"dark, one.png"\nann,coffee.png\nbob,hopper.jpg\nnobody,coffee.png\n'
    )
    (folder / "compare.csv").write_text("left,right,label\nann,ann,1\nann,bob,0\nbob,nobody,0\n")
    flags = ["--list-kind", "template", "--templates", str(folder / "members.csv"), "--images", str(folder / "images")]
    assert main([str(folder / "compare.csv"), "--out", str(folder / "out.csv"), *flags]) == 0
    rows = _rows(folder / "out.csv")
    assert [row["status"] for row in rows] == ["ok", "ok", "right:no_face"]
    assert [row["label"] for row in rows] == ["1", "0", "0"]
    photos = [folder / "images" / name for name in ("astronaut.png", "dark, one.png", "hopper.jpg")]
    one, two, other = recognizer.embed(photos).matrix
    assert "2 photos of templates have no embedding" in capsys.readouterr().out
    assert json.loads((folder / "out.json").read_text())["templates"]["photos_left_out"] == 2
    mean = (one + two) / np.linalg.norm(one + two)
    assert float(rows[1]["score"]) == pytest.approx(float(mean @ other), abs=2e-5)


def _kept(folder: Path) -> int:
    """The number of embeddings in a cache that a run is using."""
    if not (folder / FILE).exists():
        return 0
    try:
        return sum(count for _, count in Cache(folder).content()[1])
    except CacheError:  # the run is just making it
        return 0


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_result(folder: Path, astronaut: np.ndarray) -> None:
    images = folder / "images"
    for i in range(120):
        Image.fromarray((astronaut * (1 - 0.005 * i)).astype(np.uint8)).save(images / f"n{i}.png")
    (folder / "many.txt").write_text("".join(f"n{i}.png n{(7 * i) % 120}.png {i % 2}\n" for i in range(120)))
    command = [sys.executable, "-m", "eval.score", str(folder / "many.txt"), "--images", str(images)]
    command += ["--batch-size", "2"]

    def start(out: str, cache: str) -> subprocess.Popen[str]:
        words = [*command, "--out", str(folder / out), "--cache", str(folder / cache)]
        return subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)

    whole = start("whole.csv", "other")
    assert whole.communicate()[1]
    assert whole.returncode == 0
    kills = 0
    for least in (0, 1, 20):  # photos that the cache holds before the run is killed
        run = start("resumed.csv", "cache")
        threading.Thread(target=run.communicate).start()  # a full pipe would stop the run
        while run.poll() is None and _kept(folder / "cache") < least:
            time.sleep(0.02)
        kills += run.poll() is None
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        assert not (folder / "resumed.csv").exists()
    last = start("resumed.csv", "cache")
    shown = last.communicate()[1]
    assert kills
    assert last.returncode == 0
    assert "embedding:   0%" not in shown  # something had been kept
    assert (folder / "resumed.csv").read_bytes() == (folder / "whole.csv").read_bytes()
