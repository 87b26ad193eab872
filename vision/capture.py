"""Frames from a camera or a recording, on a thread of their own, whatever the camera does."""

import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

from domain.errors import SourceError, SourceUnreadableError
from domain.records import Frame
from vision.connection import Action, CaptureState, CaptureStatus, Connection
from vision.rhythm import Rhythm
from vision.source import DEFAULT_FPS, LIVE, Reader, kind_of, open_source, redact

#: Seconds between two looks at a live source's state.
_TICK_S = 0.2
#: Frames of a recording read ahead.
_AHEAD = 2
#: Readers of one camera that hang at the same time; more are not started until one gives up.
_HANGING = 3
#: Seconds that `close` waits for a thread; a read that hangs longer is left to its own time-out.
_CLOSE_S = 2.0


class SourceEndedError(SourceError):
    """The recording is over, or the capture was closed: no frame will come any more."""


class Capture:
    """Reads one source. A context manager; `close` it otherwise.

    Live sources (device, rtsp, http): the newest frame wins, older ones are dropped and counted, and the source is
    reconnected for ever. Recordings (file, folder of pictures): every frame in order, at their own pace (`paced`)
    or as fast as they are read; `loop` plays them again at the end, index and time going on.
    `rhythm`: frames that it does not call for are passed over, which spares a part of their decoding.

    Raises the SourceError that fits if a recording can't be read. A live source that can't be reached is a state.
    """

    def __init__(self, source: str, *, paced: bool = True, loop: bool = False, rhythm: Rhythm | None = None) -> None:
        self._source = source
        self.shown = redact(source)
        #: Frames of a live source that nobody took before the next one came.
        self.dropped = 0
        #: Frames a second that a recording tells, to be believed for playing it only; 25 for live sources.
        self.fps = DEFAULT_FPS
        self._paced = paced
        self._loop = loop
        self._rhythm = rhythm
        self._live = kind_of(source) in LIVE
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._frames: deque[Frame] = deque()
        self._index = 0
        self._connection = Connection()
        self._status = CaptureStatus(state=CaptureState.CONNECTING, reason=self._connection.reason, since=time.time())
        self._readers: list[threading.Thread] = []
        self._attempt = 0
        #: Wall clock minus monotonic clock: frame times never run back, even when the wall clock does.
        self._epoch = time.time() - time.monotonic()
        if self._live:
            self._thread = threading.Thread(target=self._supervise, name=f"capture {self.shown}", daemon=True)
        else:
            first = open_source(source)
            self.fps = first.fps
            self._thread = threading.Thread(target=self._play, args=(first,), name=f"capture {self.shown}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def frames(self) -> int:
        """Frames that came, those included that were passed over or dropped."""
        return self._index

    @property
    def state(self) -> CaptureStatus:
        """How the source is now, and why."""
        return self._status

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame of a recording, the newest of a live source; None if none comes within `timeout_s` seconds.

        Raises SourceEndedError after a recording's last frame, SourceUnreadableError if it had none at all.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._status.state is CaptureState.ENDED, timeout_s)
            if self._frames:
                frame = self._frames.popleft()
                if self._live and self._rhythm:
                    # only now: until somebody takes one, each newer frame is better
                    self._rhythm.beat(frame.at)
                self._changed.notify_all()
                return frame
            if self._status.state is not CaptureState.ENDED:
                return None
            if self._index == 0 and not self._closing.is_set():
                raise SourceUnreadableError(f"{self.shown}: no picture can be decoded; convert it to H.264 (.mp4)")
            raise SourceEndedError(f"{self.shown}: {self._status.reason}")

    def close(self) -> None:
        """Stop reading; may be called twice. A reader that hangs is left to end by its own time-out."""
        self._closing.set()
        with self._changed:
            self._connection.end("closed")
            self._settle()
            self._frames.clear()
        for thread in (self._thread, *self._readers):
            if thread is not threading.current_thread():
                thread.join(_CLOSE_S)

    def _settle(self) -> None:
        """Publish the connection's state; the lock is held."""
        if (self._connection.state, self._connection.reason) != (self._status.state, self._status.reason):
            self._status = CaptureStatus(
                state=self._connection.state, reason=self._connection.reason, since=time.time()
            )
        self._changed.notify_all()

    # Recordings

    def _play(self, reader: Reader) -> None:
        reason = "the recording is over"
        try:
            offset = 0.0
            begin = time.monotonic()
            while True:
                length = self._play_once(reader, offset, begin)
                if not self._loop or length is None:
                    break
                offset += length
                reader.close()
                reader = open_source(self._source)
        except SourceError as error:
            reason = str(error)
        finally:
            reader.close()
            with self._changed:
                self._connection.end("closed" if self._closing.is_set() else reason)
                self._settle()

    def _play_once(self, reader: Reader, offset: float, begin: float) -> float | None:
        """Seconds that the recording lasted; None if it is to stop: closed, or without a frame."""
        length = None
        while (at := reader.grab()) is not None:
            index, wanted = self._index, self._rhythm is None or self._rhythm.calls(offset + at)
            decoding = time.monotonic()
            image = reader.picture() if wanted else None
            decode_s = time.monotonic() - decoding
            if wanted and image is None:
                continue
            self._index += 1
            length = at + 1 / reader.fps
            # a camera's frame would be decoded when it is its turn, and not before
            came = begin + offset + at - decode_s if self._paced else decoding
            if self._paced:
                self._closing.wait(max(0.0, begin + offset + at - time.monotonic()))
            with self._changed:
                self._changed.wait_for(lambda: len(self._frames) < _AHEAD or self._closing.is_set())
                if self._closing.is_set():
                    return None
                self._connection.frame(time.monotonic())
                if image is not None:
                    if self._rhythm:
                        self._rhythm.beat(offset + at)
                    frame = Frame(index=index, at=offset + at, image=image, came_at=_wall(came), decode_s=decode_s)
                    self._frames.append(frame)
                self._settle()
        return length

    # Live sources

    def _supervise(self) -> None:
        while not self._closing.is_set():
            with self._changed:
                action = self._connection.tick(time.monotonic())
                if action is Action.ABANDON:
                    self._attempt += 1
                elif action is Action.OPEN:
                    self._begin_attempt()
                self._settle()
            self._closing.wait(_TICK_S)

    def _begin_attempt(self) -> None:
        self._readers = [thread for thread in self._readers if thread.is_alive()]
        if len(self._readers) >= _HANGING:
            self._connection.failed(time.monotonic(), f"{len(self._readers)} attempts hang; waiting for one to end")
            return
        self._attempt += 1
        reader = threading.Thread(target=self._follow, args=(self._attempt,), name=f"reader {self.shown}", daemon=True)
        self._readers.append(reader)
        reader.start()

    def _follow(self, attempt: int) -> None:
        """One connection, from opening to its end; what it brings after being abandoned is thrown away."""
        try:
            reader = open_source(self._source)
        except SourceError as error:
            self._fail(attempt, str(error))
            return
        try:
            while reader.grab() is not None:
                if not self._offer(attempt, reader):
                    return
        finally:
            reader.close()
        self._fail(attempt, "the stream broke off")

    def _offer(self, attempt: int, reader: Reader) -> bool:
        """Publish the frame that was grabbed, if it is wanted; False once nobody wants any of this attempt."""
        at = self._epoch + time.monotonic()
        # beside the lock, which nobody shall wait for while a picture is made
        wanted = self._rhythm is None or self._rhythm.calls(at)
        image = reader.picture() if wanted else None
        decode_s = self._epoch + time.monotonic() - at
        with self._changed:
            if attempt != self._attempt or self._closing.is_set():
                return False
            if wanted and image is None:
                return True
            self._connection.frame(time.monotonic())
            if image is not None:
                self.dropped += len(self._frames)
                self._frames.clear()
                came_at = _wall(at - self._epoch)
                self._frames.append(Frame(index=self._index, at=at, image=image, came_at=came_at, decode_s=decode_s))
            self._index += 1
            self._settle()
            return True

    def _fail(self, attempt: int, reason: str) -> None:
        with self._changed:
            if attempt == self._attempt and not self._closing.is_set():
                self._connection.failed(time.monotonic(), reason)
                self._settle()


def _wall(at: float) -> float:
    """A moment of the monotonic clock by the wall clock as it is now: it may have been set since the capture began."""
    return time.time() - (time.monotonic() - at)
