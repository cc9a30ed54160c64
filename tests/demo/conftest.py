"""Photos as files, and the page, started once for all tests."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from playwright.sync_api import Browser

from tests.demo.browsing import launched
from tests.demo.server import Server, running


@dataclass(frozen=True)
class Photos:
    """Paths of photos to upload."""

    astronaut: Path
    darker: Path
    sideways: Path  # the astronaut again, turned, with the EXIF tag that brings her upright
    hopper: Path
    two_people: Path
    coffee: Path
    text: Path


@pytest.fixture(scope="session")
def photos(
    tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray, hopper_path: Path, coffee: np.ndarray
) -> Photos:
    folder = tmp_path_factory.mktemp("photos")
    photo = Image.fromarray(astronaut)
    photo.save(folder / "astronaut.jpg", quality=95)
    ImageEnhance.Brightness(photo).enhance(0.6).save(folder / "darker.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.transpose(Image.Transpose.ROTATE_90).save(folder / "sideways.jpg", quality=95, exif=exif)
    with Image.open(hopper_path) as image:
        hopper = np.asarray(image.convert("RGB"))
    (folder / "hopper.jpg").write_bytes(hopper_path.read_bytes())
    Image.fromarray(np.concatenate([hopper[:512], astronaut], axis=1)).save(folder / "two.jpg", quality=95)
    Image.fromarray(coffee).save(folder / "coffee.jpg")
    (folder / "<b>notes.jpg").write_text("not a photo")
    return Photos(
        folder / "astronaut.jpg",
        folder / "darker.png",
        folder / "sideways.jpg",
        folder / "hopper.jpg",
        folder / "two.jpg",
        folder / "coffee.jpg",
        folder / "<b>notes.jpg",
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("page")) as started:
        yield started


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """The address of another server, and the requests that reached it."""
    requests: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listener.server_port}/face.jpg", requests
        listener.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser
