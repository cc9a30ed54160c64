"""The page as operators serve it: under a path, with a password, with a short queue."""

from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, expect

from demo import text, text_options
from demo.about import text as about_text
from demo.api import text as api_text
from tests.demo.conftest import Photos
from tests.demo.proxy import proxy
from tests.demo.server import PATIENCE, Server, running
from tests.demo.test_app import ask, run


@pytest.mark.slow
def test_under_a_path_behind_a_reverse_proxy(tmp_path: Path, photos: Photos, browser: Browser) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    with running(tmp_path, "--root-path", "/faces/") as server, proxy(server.url, "/faces") as (url, outside):
        assert httpx.get(f"{url}health", timeout=60).json()["status"] == "ok"
        page = browser.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        expect.set_options(timeout=1000 * PATIENCE)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(url)
        inputs = page.locator("#fc-inputs")
        inputs.locator("input[type=file]").nth(1).set_input_files(photos.darker)
        expect(inputs.locator("img")).to_have_count(1)
        inputs.locator("input[type=file]").nth(0).set_input_files(photos.astronaut)
        expect(inputs.locator("img")).to_have_count(2)
        page.get_by_role("button", name=text.COMPARE, exact=True).click()
        expect(page.locator(".fc-verdict")).to_have_text("Same person")
        for picture in page.locator("#fc-view img").all():
            picture.scroll_into_view_if_needed()
            page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
        page.close()
        details = ask(Client(url, verbose=False, analytics_enabled=False), photos.astronaut, photos.darker)
        assert details["verdict"] == "same"
    assert [request for request in asked if not request.startswith((url, "data:", "blob:"))] == []
    assert outside == []
    assert complaints == []


@pytest.mark.slow
def test_a_password_and_a_short_queue(tmp_path: Path, photos: Photos) -> None:
    (tmp_path / "accounts").write_text("ana:secret\n")
    options = ["--auth-file", str(tmp_path / "accounts"), "--queue-size", "1"]
    with running(tmp_path, *options) as server:
        assert httpx.get(f"{server.url}health", timeout=60).json()["status"] == "ok"
        assert httpx.get(f"{server.url}config", timeout=60).status_code == 401
        assert httpx.get(f"{server.url}gradio_api/info", timeout=60).status_code == 401
        wrong = httpx.post(f"{server.url}login", data={"username": "ana", "password": "other"}, timeout=60)
        assert wrong.status_code == 400
        client = Client(server.url, auth=("ana", "secret"), verbose=False, analytics_enabled=False)
        assert ask(client, photos.astronaut, photos.darker)["verdict"] == "same"
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as visitor:
            assert visitor.post("login", data={"username": "ana", "password": "secret"}).status_code == 200
            with photos.astronaut.open("rb") as file:
                (path,) = visitor.post("gradio_api/upload", files={"files": file}).json()
            photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
            body = {"data": [photo, photo, 0, 0, "balanced"]}
            answers = [visitor.post("gradio_api/call/compare", json=body) for _ in range(12)]
            busy = [answer for answer in answers if answer.status_code == 503]
            assert 0 < len(busy) < len(answers)
            assert all(answer.json()["detail"] == api_text.BUSY for answer in busy)
            assert {answer.status_code for answer in answers} == {200, 503}
    assert "secret" not in (tmp_path / "output.txt").read_text()


@pytest.mark.slow
def test_tools_without_their_package_are_refused_in_words(tmp_path: Path) -> None:
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text(
        "import importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name.split('.')[0] == 'mcp' else find(name, *rest)\n"
    )
    answer = run("--mcp", PYTHONPATH=str(tmp_path), TMPDIR=str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr == f"app.py: {text_options.MCP_MISSING}\n"
    assert "gradio[mcp]" in answer.stderr


@pytest.mark.slow
def test_about_at_both_widths(server: Server, browser: Browser) -> None:
    for width in (1280, 390):
        for scheme, shown, hidden in (("light", "light", "dark"), ("dark", "dark", "light")):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page = context.new_page()
            page.set_default_timeout(1000 * PATIENCE)
            page.goto(server.url)
            tab = page.get_by_role("tab", name=about_text.TAB)
            tab.press("Enter")
            about = page.locator("#fc-about")
            expect(about.get_by_role("heading", name=about_text.PHOTOS_HEAD)).to_be_visible()
            expect(about.get_by_role("heading", name=about_text.ACCURACY_HEAD)).to_be_visible()
            expect(about.locator(f"img.fc-{shown}").first).to_be_visible()
            expect(about.locator(f"img.fc-{hidden}").first).to_be_hidden()
            expect(page.get_by_role("img", name=about_text.SPREAD_ALT)).to_have_count(1)
            expect(about.get_by_role("region", name=about_text.TABLE_FRAME).get_by_role("row")).to_have_count(4)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            context.close()
