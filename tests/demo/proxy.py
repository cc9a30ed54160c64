"""A small reverse proxy that serves the page under a path, as a web server in front of it would."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = {"connection", "keep-alive", "transfer-encoding"}


@contextmanager
def proxy(target: str, prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Its address with the path, and the paths outside of it that were asked for.

    Args:
        target: address of the page.
        prefix: such as "/faces"; taken off before a request is passed on.
    """
    netloc = urlsplit(target).netloc
    outside: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # the end of an answer is the end of the connection: streams pass as they come

        def do_GET(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                outside.append(self.path)
                self.send_error(404)
                return
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            headers |= {"X-Forwarded-Host": self.headers["Host"], "X-Forwarded-Proto": "http", "Connection": "close"}
            onward = http.client.HTTPConnection(netloc, timeout=300)
            onward.request(self.command, self.path.removeprefix(prefix), self.rfile.read(length), headers)
            answer = onward.getresponse()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.end_headers()
            try:
                while part := answer.read1(65536):
                    self.wfile.write(part)
                    self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):  # the browser has left
                pass
            finally:
                onward.close()

        do_POST = do_HEAD = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a browser that closes a connection halfway is none

    with Quiet(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_port}{prefix}/", outside
        finally:
            listener.shutdown()
            thread.join()
