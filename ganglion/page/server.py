"""Serves the page on this machine."""

from __future__ import annotations

import errno
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ganglion.page.files import MEDIA_TYPES, page_files

__all__ = ["HOST", "PageServer"]

HOST = "127.0.0.1"
MAX_PORT = 65535


class PageServer(ThreadingHTTPServer):
    """An HTTP server of the page's files, and of nothing else, for this machine only.

    Listens when made; ``serve_forever()`` answers, ``url`` is what to open.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        """``port``: 1 to 65535, or 0 for any that is free.

        Raises:
            ValueError: a port out of range.
            OSError: a port that is in use, or that this user may not have; naming it.
            FileNotFoundError: the page's files are missing.
        """
        if not 0 <= port <= MAX_PORT:
            raise ValueError(f"port must be 0 to {MAX_PORT}, not {port}")
        self.files = page_files()
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as problem:
            reasons = {
                errno.EADDRINUSE: "is in use; choose another with --port, or 0 for any free one",
                errno.EACCES: "is not open to this user; choose one from 1024 on",
            }
            reason = reasons.get(problem.errno or 0, problem.strerror)
            raise OSError(problem.errno, f"{reason}", f"port {port}") from problem

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that has gone away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        try:
            asked = urlsplit(self.path).path
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST, explain=f"{self.path!r} is not an address.")
            return
        name = unquote(asked).removeprefix("/") or "index.html"
        path: Path | None = self.server.files.get(name)
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND, explain=f"The page has no file {name!r}.")
            return
        body = path.read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", MEDIA_TYPES[path.suffix])
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not reported."""
