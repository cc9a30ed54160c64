"""A list and a zip to scores and a report, with the code of `eval.score` and `eval.report`."""

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from demo.models import Models, Offer
from demo.pair_list import text
from demo.pair_list.memory import Memory
from demo.pair_list.unzip import Limits, Unpacked, ZipError, unpack
from eval.engines.base import Work
from eval.engines.local import LocalEngine
from eval.index import PairIndex, read_index
from eval.report.options import Options
from eval.report.reading import read_scores
from eval.report.write import write_report
from eval.resolve import Resolver
from eval.results import write_record, write_scores
from eval.run import Run
from eval.score_list import make_record
from eval.scoring import Scored, embed_names, score_pairs
from eval.summary import figures
from facecore.device import usable_cores
from facecore.errors import PairListError
from facecore.image import photo_name
from facecore.recognizer import decision_threshold
from facecore.verification.pairs import PairSource, open_pairs

LIST_BYTES = 20_000_000
LIST_LINES = 100_000
PHOTO_SECONDS = 30.0  # after which a photo is given up

GoOn = Callable[[], None]
Tell = Callable[[str, int, int], None]


class RefusedError(Exception):
    """The list or the zip cannot be used; the message says why, for people."""


@dataclass(frozen=True)
class ScoredList:
    """The outcome.

    Attributes:
        record: as `eval.score` writes it beside the scores, without any path.
        scored: pairs and what became of them.
        unpacked: what was in the zip.
        scores: path of scores.csv.
        settings: path of scores.json.
        report: path of report.html.
    """

    record: dict[str, Any]
    scored: Scored
    unpacked: Unpacked
    scores: Path
    settings: Path
    report: Path


class ListScorer:
    """Scores lists, one at a time.

    Args:
        models: have the networks.
        work: folder for what is unpacked; made if need be, and emptied after each list.
        memory: what is known of photos; None to do without.
        limits: what a zip may hold.
        workers: processes that read photos; None leaves one core to the visitors who compare two photos.
    """

    def __init__(
        self,
        models: Models,
        work: Path,
        memory: Memory | None = None,
        limits: Limits | None = None,
        workers: int | None = None,
    ) -> None:
        self._models = models
        self._work = work
        self._memory = memory
        self.limits = limits or Limits()
        self._workers = max(1, usable_cores() - 1) if workers is None else workers
        self._busy = threading.Lock()

    def score(
        self,
        pairs: Path,
        name: str,
        archive: Path,
        out: Path,
        session: str,
        go_on: GoOn,
        tell: Tell,
        model: object = None,
    ) -> ScoredList:
        """Score one list.

        Args:
            pairs: the list.
            name: what to call it.
            archive: the zip.
            out: folder for the results, which is there; it holds all of them in the end, or none.
            session: whose embeddings may be used again.
            go_on: asked again and again; what it raises ends the work.
            tell: is told what is being done, how much of it is done, and how much there is.
            model: the name of the one that scores it; None for the first.

        Raises:
            UnknownChoice: there is no such model.
            RefusedError: list or zip cannot be used.
            OSError: the disk is full.
        """
        offer = self._models.pick(model)
        # Whoever was cancelled may be busy with a last photo.
        while not self._busy.acquire(timeout=0.1):
            go_on()
        try:
            self._work.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._work) as folder:
                return self._score(offer, pairs, name, archive, Path(folder), out, session, go_on, tell)
        finally:
            self._busy.release()

    def _score(
        self,
        offer: Offer,
        pairs: Path,
        name: str,
        archive: Path,
        folder: Path,
        out: Path,
        session: str,
        go_on: GoOn,
        tell: Tell,
    ) -> ScoredList:
        source, index = _read(pairs, name)
        photos, made = folder / "photos", folder / "made"
        photos.mkdir()
        tell(text.UNPACKING, 0, 1)
        try:
            unpacked = unpack(archive, photos, self.limits, go_on)
        except ZipError as error:
            raise RefusedError(str(error)) from error
        root = _root(photos, index, source)
        run = self._run(offer, source, session, go_on, tell)
        limit = decision_threshold(run.model, None, None)
        sides = embed_names(run, index.names, Resolver(root, lfw=source.kind == "lfw"))
        if not sides.images:
            raise RefusedError(text.none_found())
        scored = score_pairs(run, index, sides)
        go_on()
        record = make_record(run, source, name, None, scored, limit, figures(scored.labelled(), limit))
        made.mkdir()
        # For people, who open it in a spreadsheet.
        write_scores(scored.tables(source), made / "scores.csv", spreadsheet_safe=True)
        write_record(record, made / "scores.json")
        self._report(made, name, record, root, go_on, tell)
        kept = ("scores.csv", "scores.json", "report.html")
        for file in kept:
            (made / file).rename(out / file)
        return ScoredList(record, scored, unpacked, *(out / file for file in kept))

    def _run(self, offer: Offer, source: PairSource, session: str, go_on: GoOn, tell: Tell) -> Run:
        def watch(done: int, total: int) -> None:
            go_on()
            tell(text.EMBEDDING, done, total)

        engine = LocalEngine(offer.recognizer, self._workers, PHOTO_SECONDS, watch=watch)
        memory = self._memory.of(session) if self._memory is not None and session else None
        work = Work(offer.spec, "centre" if source.kind == "lfw" else "largest")
        return Run(offer.recognizer, work, engine, memory, quiet=True)

    def _report(self, made: Path, name: str, record: dict[str, Any], root: Path, go_on: GoOn, tell: Tell) -> None:
        steps = 0

        def say(_: str) -> None:
            nonlocal steps
            go_on()
            tell(text.REPORTING, steps, 2)
            steps = min(steps + 1, 2)

        table = read_scores(made / "scores.csv")
        write_report(table, record, made, Options(name=name, images=root, say=say))


def _read(pairs: Path, name: str) -> tuple[PairSource, PairIndex]:
    """The list, whose path is in no message.

    Raises:
        RefusedError: it cannot be used.
    """
    size = pairs.stat().st_size
    if size > LIST_BYTES:
        raise RefusedError(text.list_too_large(size, LIST_BYTES))
    try:
        source = open_pairs(pairs)
        if source.lines > LIST_LINES:
            raise RefusedError(text.list_too_long(source.lines, LIST_LINES))
        return replace(source, name=name), read_index(source)
    except PairListError as error:
        reason = str(error).replace(str(pairs), "")
        raise RefusedError(text.list_unreadable(photo_name(reason.lstrip(",: ")))) from error


def _root(photos: Path, index: PairIndex, source: PairSource) -> Path:
    """The folder that the list's names are relative to: the zip itself, or the one folder that holds all of it."""
    top = list(photos.iterdir())
    if len(top) != 1 or not top[0].is_dir():
        return photos

    def found(root: Path) -> int:
        resolver = Resolver(root, lfw=source.kind == "lfw")
        return sum(isinstance(resolver.find(name), Path) for name in index.names)

    return max((photos, top[0]), key=found)
