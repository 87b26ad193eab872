"""A camera that sends one JPEG after the other over HTTP."""

import socket
import threading
import time
from collections.abc import Sequence

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


class MjpegCamera:
    """Plays JPEGs in a loop by the clock, to whoever asks, on loopback.

    `pictures` may be changed at any moment: without any it falls silent, and what is none it sends all the same.
    """

    def __init__(self, pictures: Sequence[bytes], *, fps: float) -> None:
        self.pictures = pictures
        self._fps = fps
        self._began = time.monotonic()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.1)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}/video.mjpg"

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        self._server.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            try:
                connection.recv(4096)
                connection.sendall(HEAD)
                number = int((time.monotonic() - self._began) * self._fps)
                while not self._stop.wait(max(0.0, self._began + number / self._fps - time.monotonic())):
                    if pictures := self.pictures:
                        data = pictures[number % len(pictures)]
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                        connection.sendall(head + data + b"\r\n")
                    number += 1
            except OSError:
                return
