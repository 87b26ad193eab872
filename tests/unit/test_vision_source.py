"""What a source is, what is shown of it, and why it can't be opened."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recordings import moving_pictures, write_video

import vision.source as module
from domain.errors import (
    SourceError,
    SourceNotFoundError,
    SourceRefusedError,
    SourceTimeoutError,
    SourceUnauthorizedError,
    SourceUnreadableError,
)
from vision.source import SourceKind, as_bgr, kind_of, open_source, redact


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("0", SourceKind.DEVICE),
        ("rtsp://10.0.0.5/door", SourceKind.RTSP),
        ("RTSPS://10.0.0.5/door", SourceKind.RTSP),
        ("http://10.0.0.5/video.mjpg", SourceKind.HTTP),
        ("https://10.0.0.5/video.mjpg", SourceKind.HTTP),
        ("door.mp4", SourceKind.FILE),
        ("/no/such/file", SourceKind.FILE),
    ],
)
def test_kinds(source: str, kind: SourceKind) -> None:
    assert kind_of(source) is kind


def test_a_folder_is_a_folder(tmp_path: Path) -> None:
    assert kind_of(str(tmp_path)) is SourceKind.FOLDER


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://admin:pa:ss@10.0.0.5:554/door", "rtsp://***@10.0.0.5:554/door"),
        ("rtsp://admin@10.0.0.5/door", "rtsp://***@10.0.0.5/door"),
        ("rtsp://admin:p@ss@10.0.0.5/door", "rtsp://***@10.0.0.5/door"),
        ("rtsp://10.0.0.5/door", "rtsp://10.0.0.5/door"),
        ("http://10.0.0.5/v?user=admin&pwd=geheim&ch=1", "http://10.0.0.5/v?user=***&pwd=***&ch=1"),
        ("rtsp://10.0.0.5/user=admin_password=geheim_channel=1", "rtsp://10.0.0.5/user=***"),
        ("/home/anna/door.mp4", "/home/anna/door.mp4"),
    ],
)
def test_what_is_shown_of_an_address(address: str, shown: str) -> None:
    assert redact(address) == shown


WORD = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20)


@given(user=WORD, password=WORD, path=st.from_regex(r"[a-z0-9/]{0,12}", fullmatch=True))
def test_no_password_is_ever_shown(user: str, password: str, path: str) -> None:
    shown = redact(f"rtsp://{user}:{password}@camera-7/{path}")
    assert shown == f"rtsp://***@camera-7/{path}"


@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_of_any_kind_become_bgr(channels: int) -> None:
    shape = (4, 6) if channels == 1 else (4, 6, channels)
    assert as_bgr(np.zeros(shape, dtype=np.uint8)).shape == (4, 6, 3)
    assert as_bgr(np.zeros(shape, dtype=np.uint16)).dtype == np.uint8


class TestFiles:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(SourceNotFoundError, match="no such file"):
            open_source(str(tmp_path / "nothing.mp4"))

    def test_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.mp4"
        path.touch()
        with pytest.raises(SourceUnreadableError, match="0 bytes"):
            open_source(str(path))

    def test_no_video(self, tmp_path: Path) -> None:
        path = tmp_path / "text.mp4"
        path.write_text("no video " * 1000)
        with pytest.raises(SourceUnreadableError, match=r"text\.mp4.*convert"):
            open_source(str(path))

    def test_cut_off_before_its_index(self, tmp_path: Path) -> None:
        whole = write_video(tmp_path / "whole.mp4", moving_pictures(20)).read_bytes()
        path = tmp_path / "cut.mp4"
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(SourceUnreadableError, match="cut off"):
            open_source(str(path))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_forbidden(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "mine.mp4", moving_pictures(2))
        path.chmod(0)
        with pytest.raises(SourceUnreadableError, match="right to read"):
            open_source(str(path))

    def test_a_folder_without_pictures(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("x")
        with pytest.raises(SourceUnreadableError, match="no pictures"):
            open_source(str(tmp_path))

    def test_a_folder_of_pictures_in_the_order_of_names_without_the_broken_one(self, tmp_path: Path) -> None:
        for number in (2, 0, 1):
            cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8, 3), number * 50, dtype=np.uint8))
        (tmp_path / "0b.jpg").write_bytes(b"broken")
        reader = open_source(str(tmp_path))
        values = []
        while (got := reader.read()) is not None:
            values.append(int(got[0].mean()))
        reader.close()
        assert values == [0, 50, 100]

    def test_times_of_frames_rise_whatever_the_file_says(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "old.mpg", moving_pictures(30), fps=25, codec="mpeg1video")
        reader = open_source(str(path))
        times = []
        while (got := reader.read()) is not None:
            times.append(got[1])
        reader.close()
        assert len(times) == 30
        assert times[0] == 0
        assert times == sorted(set(times))
        assert times[-1] == pytest.approx(29 / 25, abs=0.1)


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(SourceNotFoundError, match="device 97"):
        open_source("97")


class TestNetworkErrors:
    """Real sockets on loopback; none of the texts holds the password."""

    def check(self, address: str, expected: type[SourceError]) -> None:
        with pytest.raises(expected) as caught:
            open_source(address)
        assert type(caught.value) is expected
        assert "geheim" not in str(caught.value)

    def test_refused(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.check(f"rtsp://u:geheim@127.0.0.1:{port}/door", SourceRefusedError)
        self.check(f"http://u:geheim@127.0.0.1:{port}/door", SourceRefusedError)

    def test_no_such_host(self) -> None:
        self.check("rtsp://u:geheim@no-such-host.invalid/door", SourceNotFoundError)

    def test_accepts_and_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "OPEN_TIMEOUT_MS", 500)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.check(f"rtsp://u:geheim@127.0.0.1:{port}/door", SourceTimeoutError)
            self.check(f"http://u:geheim@127.0.0.1:{port}/door", SourceTimeoutError)

    @pytest.mark.parametrize(
        ("status", "expected"),
        [(401, SourceUnauthorizedError), (403, SourceUnauthorizedError), (404, SourceNotFoundError)],
    )
    def test_what_the_camera_answers_over_http(self, status: int, expected: type[SourceError]) -> None:
        with answering(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()) as port:
            self.check(f"http://u:geheim@127.0.0.1:{port}/door", expected)

    @pytest.mark.parametrize(("status", "expected"), [(401, SourceUnauthorizedError), (404, SourceNotFoundError)])
    def test_what_the_camera_answers_over_rtsp(self, status: int, expected: type[SourceError]) -> None:
        with answering(f"RTSP/1.0 {status} No\r\nCSeq: 1\r\n\r\n".encode()) as port:
            self.check(f"rtsp://u:geheim@127.0.0.1:{port}/door", expected)

    def test_a_page_instead_of_a_video(self) -> None:
        with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>") as port:
            self.check(f"http://u:geheim@127.0.0.1:{port}/door", SourceUnreadableError)


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that answers every request with the same bytes."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)
            self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
