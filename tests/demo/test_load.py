"""Sixteen people at once on the page: everybody gets an answer, and what was shown does not pile up."""

from pathlib import Path

import pytest

from eval.load import visit
from tests.demo.conftest import Photos
from tests.demo.server import running


@pytest.mark.slow
def test_sixteen_people_all_get_an_answer(tmp_path: Path, photos: Photos) -> None:
    with running(tmp_path) as server:
        answers = visit(server.url, (photos.astronaut, photos.darker), people=16, comparisons=2, pause=0.5)
        assert len(answers) == 32
        assert {answer.problem for answer in answers} == {""}
        # Two uploads and four pictures a comparison, the same photo being kept once.
        written = [path for path in server.uploads.rglob("*") if path.is_file()]
        assert 0 < len(written) <= 32 * 6
        assert sum(path.stat().st_size for path in written) < 32 * 1_000_000
