"""Each tab on a disk that has no room left: a sentence, and what is shown or remembered stays right."""

import errno
import re
from collections.abc import Callable
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from demo import compare, picture
from demo.choices import MODEL_ID
from demo.comparer import Comparer
from demo.models import Models
from demo.pair_list import tab as list_tab
from demo.pair_list import work as list_work
from demo.pair_list.memory import Memory
from demo.photo_set import tab as set_tab
from demo.text import DISK_FULL, NO_COMPARISON
from demo.uploads import Upload
from facecore.files import FULL
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos
from tests.demo.pair_list.conftest import make

Fill = Callable[..., None]


@pytest.fixture
def fill(monkeypatch: pytest.MonkeyPatch) -> Fill:
    """Makes a function fail as if the disk were full, or otherwise where another reason is given."""

    def fail(module: object, name: str, number: int = errno.ENOSPC) -> None:
        def write(*arguments: object, **more: object) -> None:
            raise OSError(number, "the test says so", "/server/secret")

        monkeypatch.setattr(module, name, write)

    return fail


@pytest.fixture
def comparer(recognizer: FaceRecognizer, tmp_path: Path) -> Comparer:
    return Comparer(Models.of(recognizer), tmp_path / "uploads")


def upload(path: Path) -> Upload:
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def chosen(key: str, number: int) -> gr.EventData:
    """What the page sends where a face of the first photo is pressed."""
    return gr.EventData(None, {"key": key, "side": "first", "number": number})


def key(html: str) -> str:
    (found,) = re.findall(r'data-key="([^"]+)"', html)
    return found


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_picture_that_finds_no_room_leaves_nothing(
    tmp_path: Path, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = picture.save(astronaut, tmp_path, "face").path.read_bytes()
    write = Path.write_bytes

    def to_full_disk(path: Path, content: bytes) -> int:
        path.symlink_to("/dev/full")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", to_full_disk)
    with pytest.raises(OSError, match="No space left") as error:
        picture.save(astronaut[:100], tmp_path, "face")
    assert error.value.errno in FULL
    assert [path.name for path in tmp_path.iterdir()] == ["face.jpg"]
    assert (tmp_path / "face.jpg").read_bytes() == before  # a picture that is shown stays whole


@pytest.mark.parametrize("number", FULL)
def test_two_photos(comparer: Comparer, photos: Photos, fill: Fill, number: int) -> None:
    ask = compare._compared(comparer)
    usual, _ = ask(upload(photos.astronaut), upload(photos.darker))
    fill(picture, "save", number)
    details, html = ask(upload(photos.astronaut), upload(photos.darker))
    assert details.keys() == usual.keys()
    assert details["why_not"] == DISK_FULL
    assert details["verdict"] is details["score"] is None
    assert NO_COMPARISON in html
    assert DISK_FULL in html
    assert "data-key" not in html  # there is nothing to ask more about


def test_what_is_asked_about_a_pair_leaves_the_page_as_it_is(comparer: Comparer, photos: Photos, fill: Fill) -> None:
    _, html = compare._compared(comparer)(upload(photos.two_people), upload(photos.astronaut))
    before = comparer.rejudge(key(html), "balanced")
    stricter = gr.EventData(None, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture, "save", _full)
        with pytest.warns(UserWarning, match=re.escape(DISK_FULL)):
            assert compare._chosen(comparer)("balanced", chosen(key(html), 1)) == (gr.skip(), gr.skip())
        with pytest.warns(UserWarning, match=re.escape(DISK_FULL)):
            assert compare._rejudged(comparer)(key(html), "balanced", None, stricter) == (gr.skip(),) * 4
        switched = gr.EventData(gr.Radio(elem_id=MODEL_ID), None)
        details, view, *_ = compare._rejudged(comparer)(key(html), "balanced", None, switched)
        assert details is None
        assert DISK_FULL in str(view)
        assert DISK_FULL in compare._explained(comparer)(key(html))
    # The face that was pressed in vain is not the one that later answers are about.
    assert compare._rejudged(comparer)(key(html), "balanced", None, stricter) == (*before, gr.skip(), gr.skip())
    assert DISK_FULL not in compare._explained(comparer)(key(html))
    fill(picture, "save", errno.EIO)
    with pytest.raises(OSError, match="the test says so"):
        compare._rejudged(comparer)(key(html), "balanced", None, stricter)


@pytest.mark.parametrize(("module", "name"), [(set_tab, "write_scores"), (picture, "save")])
def test_a_set(
    recognizer: FaceRecognizer, photos: Photos, tmp_path: Path, fill: Fill, module: object, name: str
) -> None:
    uploads = tmp_path / "uploads"
    sort = set_tab.sorter(Models.of(recognizer), uploads)
    given = [upload(photos.astronaut), upload(photos.hopper)]
    fill(module, name)
    details, html, table = sort(given)
    assert details["why_not"] == DISK_FULL
    assert DISK_FULL in html
    assert table is None
    assert list(uploads.iterdir()) == []  # half a result takes no room from others
    fill(module, name, errno.EIO)
    with pytest.raises(OSError, match="the test says so"):
        sort(given)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unpack", "write_scores", "write_report"])
def test_a_list(recognizer: FaceRecognizer, photos: Photos, tmp_path: Path, fill: Fill, name: str) -> None:
    given, uploads = make(tmp_path, photos), tmp_path / "uploads"
    scorer = list_work.ListScorer(Models.of(recognizer), tmp_path / "unpacked", Memory(), workers=0)
    score = list_tab.list_scorer(scorer, uploads)
    fill(list_work, name)
    details, html, files = score(upload(given.pairs), upload(given.archive))
    assert details == {"why_not": DISK_FULL}
    assert DISK_FULL in html
    assert files is None
    assert [*uploads.iterdir(), *(tmp_path / "unpacked").iterdir()] == []


def test_a_list_for_whose_results_no_folder_can_be_made(
    recognizer: FaceRecognizer, photos: Photos, tmp_path: Path, fill: Fill
) -> None:
    given = make(tmp_path, photos)
    scorer = list_work.ListScorer(Models.of(recognizer), tmp_path / "unpacked", Memory(), workers=0)
    score = list_tab.list_scorer(scorer, tmp_path / "uploads")
    fill(Path, "mkdir")
    details, _, _ = score(upload(given.pairs), upload(given.archive))
    assert details == {"why_not": DISK_FULL}


def _full(*_: object, **more: object) -> None:
    raise OSError(errno.ENOSPC, "the test says so")
