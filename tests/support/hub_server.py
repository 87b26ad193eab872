"""A model hub on this machine: as much of its HTTP interface as bringing a repository takes."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class _Handler(BaseHTTPRequestHandler):
    repository: str
    folder: Path

    def do_HEAD(self) -> None:
        self._send(*self._answer(), with_body=False)

    def do_GET(self) -> None:
        self._send(*self._answer(), with_body=True)

    def _answer(self) -> tuple[int, bytes, dict[str, str]]:
        path = self.path.partition("?")[0]
        name = path.rpartition("/")[2]
        files = list(self.folder.iterdir())
        if not path.startswith((f"/api/models/{self.repository}", f"/{self.repository}/")):
            return 404, b"{}", {"X-Error-Code": "RepoNotFound"}
        if "/revision/" in path and name not in {"main", COMMIT}:
            return 404, b"{}", {"X-Error-Code": "RevisionNotFound"}
        if "/revision/" in path:
            siblings = [{"rfilename": file.name} for file in files]
            return _json({"id": self.repository, "modelId": self.repository, "sha": COMMIT, "siblings": siblings})
        if "/tree/" in path:
            return _json(
                [{"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0" * 40} for file in files]
            )
        content = (self.folder / name).read_bytes()
        return 200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, with_body: bool) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _json(document: Any) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps(document).encode(), {"Content-Type": "application/json"}


@contextmanager
def hub_of(repository: str, folder: Path) -> Iterator[str]:
    """Serves the files of `folder` as that repository, and 404 for all others; gives the address."""
    handler = type("Handler", (_Handler,), {"repository": repository, "folder": folder})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
