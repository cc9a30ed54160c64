import json
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from demo.models import Models, UnknownChoice
from demo.pair_list import text, view, work
from demo.pair_list.memory import Memory
from demo.pair_list.stop import StoppedError
from demo.pair_list.unzip import Limits
from demo.pair_list.work import ListScorer, RefusedError, ScoredList
from eval.cache import Entry
from eval.score import main as score
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos
from tests.demo.pair_list.conftest import Given, make


def go_on() -> None:
    pass


def run(
    scorer: ListScorer,
    given: Given,
    out: Path,
    session: str = "",
    go_on: Callable[[], None] = go_on,
    tell: Callable[[str, int, int], None] = lambda *_: None,
    model: str | None = None,
) -> ScoredList:
    out.mkdir()
    return scorer.score(given.pairs, "pairs.txt", given.archive, out, session, go_on, tell, model)


@dataclass(frozen=True)
class Outcome:
    """A list that was scored, and what was told meanwhile; `folder` holds all of it."""

    folder: Path
    given: Given
    result: ScoredList
    told: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, photos: Photos, recognizer: FaceRecognizer) -> Outcome:
    folder = tmp_path_factory.mktemp("outcome")
    given, told = make(folder, photos), list[tuple[str, int, int]]()
    scorer = ListScorer(Models.of(recognizer), folder / "unpacked", workers=0)
    result = run(scorer, given, folder / "page", tell=lambda *what: told.append(what))
    return Outcome(folder, given, result, told)


def refusal(scorer: ListScorer, given: Given, out: Path) -> str:
    """What is said where nothing is scored; nothing is left behind."""
    with pytest.raises(RefusedError) as error:
        run(scorer, given, out)
    assert list(out.iterdir()) == []
    unpacked = out.parent / "unpacked"
    assert not unpacked.exists() or list(unpacked.iterdir()) == []
    assert str(given.pairs.parent) not in str(error.value)
    return str(error.value)


def test_the_numbers_are_those_of_the_command(outcome: Outcome, tmp_path: Path) -> None:
    result, given = outcome.result, outcome.given
    out = tmp_path / "command.csv"
    assert (
        score([str(given.pairs), "--images", str(given.images), "--out", str(out), "--no-cache", "--workers", "0"]) == 0
    )
    assert result.scores.read_bytes() == out.read_bytes()
    ours, theirs = (json.loads(path.read_text()) for path in (result.settings, out.with_suffix(".json")))
    assert ours == {**theirs, "image_root": None}
    assert theirs["figures"]["scored_only"]["auc"] == 1.0
    assert [line.rsplit(",", 2)[1] for line in out.read_text().splitlines()[1:]] == [
        "ok",
        "ok",
        "ok",
        "ok",
        "left:missing",
        "left:missing",
        "left:unreadable;right:no_face",
        "left:outside_root",
    ]


def test_another_model_scores_the_list(
    outcome: Outcome, recognizer: FaceRecognizer, open_recognizer: FaceRecognizer, given: Given, tmp_path: Path
) -> None:
    """One session's embeddings by one model are not taken for those by another."""
    scorer = ListScorer(Models.of(recognizer, open_recognizer), tmp_path / "unpacked", Memory(), workers=0)
    first = run(scorer, given, tmp_path / "first", "session")
    other = run(scorer, given, tmp_path / "other", "session", model="resnet18-open")
    assert first.scores.read_bytes() == outcome.result.scores.read_bytes()
    names = [scored.record["model"]["name"] for scored in (first, other)]
    assert names == ["resnet18", "resnet18-open"]
    command = ["--images", str(given.images), "--no-cache", "--workers", "0", "--model", "resnet18-open"]
    assert score([str(given.pairs), *command, "--out", str(tmp_path / "command.csv")]) == 0
    assert other.scores.read_bytes() == (tmp_path / "command.csv").read_bytes() != first.scores.read_bytes()
    assert "Compared by the model resnet18-open." in view.render(other, scorer.limits.photo, str)
    with pytest.raises(UnknownChoice, match="resnet18, resnet18-open"):
        run(scorer, given, tmp_path / "none", model="other")


@pytest.mark.slow
def test_worker_processes_give_the_same(recognizer: FaceRecognizer, given: Given, tmp_path: Path) -> None:
    alone = ListScorer(Models.of(recognizer), tmp_path / "unpacked", workers=0)
    workers = ListScorer(Models.of(recognizer), tmp_path / "unpacked", workers=2)
    first, second = (run(scorer, given, tmp_path / name) for scorer, name in ((alone, "first"), (workers, "second")))
    assert first.scores.read_bytes() == second.scores.read_bytes()


@pytest.mark.data
@pytest.mark.slow
def test_a_fold_of_lfw_gives_the_numbers_of_the_command(
    recognizer: FaceRecognizer, shared_data: Path, tmp_path: Path
) -> None:
    """A list of LFW, whose folders lie within one more folder of the zip."""
    folder = shared_data / "lfw_fold1"
    lines = (folder / "pairs.txt").read_text().splitlines()
    genuine = [line for line in lines[1:] if len(line.split()) == 3][:30]
    impostor = [line for line in lines[1:] if len(line.split()) == 4][:30]
    (tmp_path / "pairs.txt").write_text("\n".join(["1\t30", *genuine, *impostor]) + "\n")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for photo in folder.glob("*/*.jpg"):
            archive.write(photo, f"lfw/{photo.parent.name}/{photo.name}")
    scorer = ListScorer(Models.of(recognizer), tmp_path / "unpacked", workers=2)
    given = Given(tmp_path / "pairs.txt", tmp_path / "photos.zip", folder)
    result = run(scorer, given, tmp_path / "page")
    out = tmp_path / "command.csv"
    assert score([str(given.pairs), "--images", str(folder), "--out", str(out), "--no-cache"]) == 0
    assert result.scores.read_bytes() == out.read_bytes()
    assert result.record["face"] == "centre"
    assert result.record["figures"]["accuracy_at_threshold"] > 0.5


def test_the_report_shows_the_photos_and_asks_nobody_for_anything(outcome: Outcome) -> None:
    report = outcome.result.report.read_text()
    assert "Face verification: pairs.txt" in report
    assert "data:image/jpeg;base64," in report
    assert "default-src 'none'" in report
    assert str(outcome.folder) not in report


def test_three_files_are_left_and_nothing_that_was_unpacked(outcome: Outcome) -> None:
    files = sorted(path.name for path in (outcome.folder / "page").iterdir())
    assert files == ["report.html", "scores.csv", "scores.json"]
    assert list((outcome.folder / "unpacked").iterdir()) == []


def test_the_progress_counts_photos(outcome: Outcome) -> None:
    told = outcome.told
    assert told[0] == (text.UNPACKING, 0, 1)
    assert [(done, total) for what, done, total in told if what == text.EMBEDDING] == [(i, 5) for i in range(1, 6)]
    assert told[-1][0] == text.REPORTING


@pytest.mark.parametrize("after", [1, 3, 7, 9])
def test_stopped_at_any_time_nothing_is_left(scorer: ListScorer, given: Given, tmp_path: Path, after: int) -> None:
    asked = 0

    def stop() -> None:
        nonlocal asked
        asked += 1
        if asked == after:
            raise StoppedError

    with pytest.raises(StoppedError):
        run(scorer, given, tmp_path / "page", go_on=stop)
    assert list((tmp_path / "page").iterdir()) == []
    assert list((tmp_path / "unpacked").iterdir()) == []
    assert asked == after


@pytest.mark.slow
def test_one_list_at_a_time(scorer: ListScorer, given: Given, tmp_path: Path) -> None:
    """Who waits can still be stopped."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        assert leave.wait(60)

    first = threading.Thread(target=run, args=(scorer, given, tmp_path / "first"), kwargs={"go_on": hold})
    first.start()
    assert inside.wait(60)

    def stop() -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        run(scorer, given, tmp_path / "second", go_on=stop)
    leave.set()
    first.join(60)
    assert (tmp_path / "first" / "scores.csv").exists()


@pytest.mark.slow
def test_a_session_finds_its_own_embeddings_again_and_no_others(
    scorer: ListScorer, given: Given, tmp_path: Path
) -> None:
    def read(name: str, session: str) -> int:
        told: list[str] = []
        run(scorer, given, tmp_path / name, session, tell=lambda what, *_: told.append(what))
        return told.count(text.EMBEDDING)

    assert read("first", "anna") == 5
    assert read("second", "anna") == 0
    assert read("third", "bert") == 5
    assert read("fourth", "") == 5  # nobody's
    files = [(tmp_path / name / "scores.csv").read_bytes() for name in ("first", "second", "third", "fourth")]
    assert len(set(files)) == 1


def test_a_list_without_labels_gets_scores(scorer: ListScorer, given: Given, tmp_path: Path) -> None:
    given.pairs.write_text("collins/1.jpg,hopper.jpg\n")
    result = run(scorer, given, tmp_path / "page")
    assert result.record["figures"] == {}
    assert "The list has no labels" in result.report.read_text()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the list is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a text file"),
        (b"a.jpg b.jpg 1\nc.jpg\n", "line 2"),
        (b'"a.jpg b.jpg 1\n', "quote"),
    ],
)
def test_a_list_that_cannot_be_read_is_said_without_its_path(
    scorer: ListScorer, given: Given, tmp_path: Path, content: bytes, why: str
) -> None:
    given.pairs.write_bytes(content)
    sentence = refusal(scorer, given, tmp_path / "page")
    assert sentence.startswith("The list cannot be read. ")
    assert why in sentence.lower()


def test_lists_and_zips_over_the_limits(
    scorer: ListScorer, given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "LIST_LINES", 9)
    assert refusal(scorer, given, tmp_path / "lines") == text.list_too_long(10, 9)
    monkeypatch.setattr(work, "LIST_BYTES", 100)
    size = given.pairs.stat().st_size
    assert refusal(scorer, given, tmp_path / "bytes") == text.list_too_large(size, 100)
    monkeypatch.undo()
    scorer.limits = replace(Limits(), photos=4)
    assert refusal(scorer, given, tmp_path / "photos") == text.zip_too_many_photos(5, 4)


def test_names_that_are_not_in_the_zip(scorer: ListScorer, given: Given, tmp_path: Path) -> None:
    given.pairs.write_text("other/1.jpg other/2.jpg 1\n")
    assert refusal(scorer, given, tmp_path / "page") == text.none_found()


def test_memory_keeps_what_is_young(given: Given, tmp_path: Path) -> None:
    now = 0.0
    memory = Memory(most=3, age=100, clock=lambda: now)
    entry = Entry("ok", 0.5, None, None)
    part = memory.of("anna")
    version = part.version("key", "model")
    assert part.version("key", "model") == version != part.version("other", "model")
    part.add(version, {b"1": entry, b"2": entry})
    now = 50.0
    part.add(version, {b"3": entry})
    assert set(part.find(version, [b"1", b"2", b"3"])) == {b"1", b"2", b"3"}
    assert memory.of("bert").find(version, [b"1"]) == {}
    part.add(version, {b"4": entry})
    assert set(part.find(version, [b"1", b"2", b"3", b"4"])) == {b"2", b"3", b"4"}
    now = 100.0
    assert set(part.find(version, [b"2", b"3"])) == {b"3"}
    memory.forget()
    assert len(memory) == 2
    now = 150.0
    memory.forget()
    assert len(memory) == 0
    present, absent = given.archive, tmp_path / "absent"
    digests = list(part.digests([present, absent, present.read_bytes()]))
    assert digests[1] is None
    assert digests[0] == digests[2]


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [
        (1.0, "tells all of the pairs"),
        (0.9996, "tells more than 99.9% of the pairs"),
        (0.9, "tells 90.0% of the pairs"),
    ],
)
def test_the_share_of_right_verdicts_reads_as_a_part_of_its_sentence(accuracy: float, words: str) -> None:
    assert words in text.right(accuracy, 20, 40, 0)
