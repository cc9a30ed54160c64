import re
from urllib.parse import unquote
from xml.etree import ElementTree

import httpx

from demo import icon
from tests.demo.server import Server


def test_the_icon_comes_once_and_whole() -> None:
    page = icon.inserted(b"<html><head><title>x</title></head><body></head></body></html>")
    assert page.count(b'rel="icon"') == 1
    found = re.search(rb'<title>x</title><link [^>]*href="data:image/svg.xml,([^"]+)"></head><body>', page)
    assert found is not None
    assert ElementTree.fromstring(unquote(found[1].decode())).tag.endswith("svg")
    assert icon.inserted(b"no page") == b"no page"


def test_the_page_brings_its_icon(server: Server) -> None:
    assert 'rel="icon" type="image/svg+xml"' in httpx.get(server.url, timeout=60).text
