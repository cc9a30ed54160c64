import json
import os
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo import safety, text
from demo.safety import LONGEST_BODY, names_file_outside, names_remote_file, sweep, without_advertising
from tests.demo.server import Server

META = {"_type": "gradio.FileData"}


def join(server: Server, data: list[Any], route: str = "call/compare") -> httpx.Response:
    body = {"data": data, "session_hash": "test", "fn_index": 0}
    return httpx.post(f"{server.url}gradio_api/{route}", json=body, timeout=60)


@pytest.mark.parametrize("route", ["call/compare", "call/compare/", "queue/join", "run/compare", "api/compare"])
def test_a_file_on_the_web_is_refused_before_anything_is_fetched(
    server: Server, elsewhere: tuple[str, list[str]], route: str
) -> None:
    address, requests = elsewhere
    for file in ({"path": address, "meta": META}, {"path": f" {address.upper()}"}):
        answer = join(server, [None, file], route)
        assert answer.status_code == 400
        assert answer.json()["detail"] == text.REMOTE_FILE_REFUSED
    assert requests == []


def test_the_newer_call_is_refused_too(server: Server, elsewhere: tuple[str, list[str]]) -> None:
    address, requests = elsewhere
    body = {"left": {"path": address, "meta": META}, "right": None}
    answer = httpx.post(f"{server.url}gradio_api/call/v2/compare", json=body, timeout=60)
    assert answer.status_code == 400
    assert requests == []


@pytest.mark.parametrize("name", ["photo_set", "pair_list"])
def test_files_on_the_web_and_of_the_machine_are_refused_on_every_tab(
    server: Server, elsewhere: tuple[str, list[str]], name: str
) -> None:
    address, requests = elsewhere
    for path in (address, "/etc/hostname", __file__):
        file = {"path": path, "meta": META}
        answer = join(server, [[file, file]] if name == "photo_set" else [file, file], f"call/{name}")
        assert answer.status_code == 400
        expected = text.REMOTE_FILE_REFUSED if path == address else text.SERVER_FILE_REFUSED
        assert answer.json()["detail"] == expected
    assert requests == []


def test_the_server_does_not_fetch_for_the_browser(server: Server, elsewhere: tuple[str, list[str]]) -> None:
    address, requests = elsewhere
    for route in (f"file={address}", f"file={address.replace(':', '%3A')}", f"proxy={address}"):
        assert httpx.get(f"{server.url}gradio_api/{route}", timeout=60).status_code in (403, 404)
    # Gradio would ask the network for this one, but not for an address of this machine.
    answer = httpx.get(f"{server.url}gradio_api/file/{address}", timeout=60)
    assert (answer.status_code, answer.json()["detail"]) == (404, text.ROUTE_REFUSED)
    assert requests == []


@pytest.mark.parametrize("name", ["compare", "photo_set", "pair_list", "faces", "embed"])
def test_photos_beside_the_page_are_not_read(server: Server, name: str, hopper_path: Path) -> None:
    (server.temporary.parent / "secret.jpg").write_bytes(hopper_path.read_bytes())
    for file in ({"path": "secret.jpg"}, {"path": "secret.jpg", "meta": META}, {"path": "secret.jpg", "meta": None}):
        data = [[file, file]] if name == "photo_set" else [file, file]
        answer = join(server, [*data, 0, 0, "balanced"], f"call/{name}")
        assert answer.status_code == 400
        assert answer.json()["detail"] == text.SERVER_FILE_REFUSED


@pytest.mark.parametrize("path", ["/etc/hostname", __file__])
def test_files_of_the_machine_are_out_of_reach(server: Server, path: str) -> None:
    assert httpx.get(f"{server.url}gradio_api/file={path}", timeout=60).status_code == 403
    for named in (path, f"{server.uploads}/../..{path}"):
        answer = join(server, [{"path": named, "meta": META}, None, 0, 0, "balanced"])
        assert answer.status_code == 400
        assert answer.json()["detail"] == text.SERVER_FILE_REFUSED


def test_what_was_shown_cannot_be_kept_by_a_link(server: Server) -> None:
    answer = httpx.get(f"{server.url}gradio_api/deep_link", params={"session_hash": "test"}, timeout=60)
    assert answer.status_code == 404
    assert answer.json()["detail"] == text.ROUTE_REFUSED


def test_a_long_call_is_refused(server: Server) -> None:
    answer = join(server, ["x" * LONGEST_BODY])
    assert answer.status_code == 413


def test_no_tag_points_to_another_host(server: Server) -> None:
    answer = httpx.get(server.url, timeout=60)
    assert answer.headers["content-length"] == str(len(answer.content)) or "content-encoding" in answer.headers
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "<gradio-app" in answer.text
    tags = re.sub(r"<script>.*?</script>", "<script>", answer.text, flags=re.DOTALL)
    assert re.findall(r"https?://[^\"'\s]+", tags) == []
    manifest = httpx.get(f"{server.url}manifest.json", timeout=60).text
    assert "http" not in manifest


def test_only_what_people_may_do_is_offered_to_programs(server: Server) -> None:
    described = httpx.get(f"{server.url}gradio_api/info", timeout=60).json()
    assert set(described["named_endpoints"]) == {"/compare", "/photo_set", "/pair_list", "/faces", "/embed"}
    assert described["unnamed_endpoints"] == {}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"data": [{"path": "http://a.b/c.jpg"}]}, True),
        ({"data": [[{"deep": {"path": "HTTPS://a.b"}}]]}, True),
        ({"data": [{"path": "/tmp/a.jpg", "url": "http://127.0.0.1:7860/gradio_api/file=/tmp/a.jpg"}]}, False),
        ({"data": ["http://a.b"]}, False),
        ({"data": [{"path": 7}, {"path": None}, {"path": ["http://a.b"]}]}, False),
    ],
)
def test_remote_files_are_found_at_any_depth(body: object, expected: bool) -> None:
    assert names_remote_file(json.dumps(body).encode()) is expected
    assert names_remote_file(json.dumps(body).encode("utf-16")) is expected


def test_files_outside_of_the_uploads_are_found_at_any_depth(tmp_path: Path) -> None:
    uploads = tmp_path.resolve() / "uploads"
    uploads.mkdir()
    (uploads / "link.jpg").symlink_to("/etc/hostname")
    inside = [str(uploads / "a" / "b.jpg"), f"{uploads}/a/../b.jpg"]
    outside = ["a/b.jpg", "", "/etc/hostname", str(tmp_path), "../x", f"{uploads}/../x", f"{uploads}-2/x", "a\0b"]
    outside.append(str(uploads / "link.jpg"))
    for path in inside + outside:
        body = json.dumps({"data": [[{"deep": {"path": path}}]]}).encode()
        assert names_file_outside(body, uploads) is (path in outside), path


def test_bodies_that_are_no_json() -> None:
    assert not names_remote_file(b"")
    assert not names_remote_file(b"\xff\xfe\x00{")
    assert names_remote_file(b"[" * 200_000 + b"]" * 200_000)  # what it holds cannot be told


def test_tags_for_other_sites_are_removed_and_no_others() -> None:
    page = b'<head><meta charset="utf-8" /><meta\n property="og:image"\n content="https://a.b/c" />\n<title>x</title>'
    assert without_advertising(page) == b'<head><meta charset="utf-8" /><title>x</title>'


def test_sweeping_goes_by_age(tmp_path: Path) -> None:
    (tmp_path / "one" / "two").mkdir(parents=True)
    (tmp_path / "one" / "two" / "photo.jpg").write_bytes(b"x")
    (tmp_path / "photo.jpg").write_bytes(b"x")
    sweep(tmp_path, age=3600)
    assert (tmp_path / "one" / "two" / "photo.jpg").exists()
    sweep(tmp_path, age=-1)
    assert list(tmp_path.iterdir()) == []
    sweep(tmp_path / "absent")


def test_files_are_swept_within_ten_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert safety.SWEEP_AGE + 2 * safety.SWEEP_EVERY <= 600
    monkeypatch.setattr(safety, "SWEEP_EVERY", 0.01)
    monkeypatch.setattr(safety, "SWEEP_AGE", -1)
    safety.start_sweeping(tmp_path)
    for _ in range(2):  # again and again
        (tmp_path / "photo.jpg").write_bytes(b"x")
        deadline = time.monotonic() + 60
        while (tmp_path / "photo.jpg").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_an_old_photo_that_was_uploaded_just_now_stays(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x")

    os.utime(photo, (0, 0))
    sweep(tmp_path, age=3600)
    assert photo.exists()
