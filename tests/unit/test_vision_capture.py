"""Frames from recordings, and from sources that fail, hang and send garbage."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from support.recordings import moving_pictures, write_video

import vision.capture as module
from domain.errors import SourceNotFoundError, SourceTimeoutError, SourceUnreadableError
from domain.records import Frame, Image
from vision.capture import Capture, SourceEndedError
from vision.connection import CaptureState
from vision.rhythm import Rhythm
from vision.source import Reader


def all_frames(capture: Capture) -> list[Frame]:
    frames: list[Frame] = []
    while True:
        try:
            frame = capture.read(10)
        except SourceEndedError:
            return frames
        assert frame is not None
        frames.append(frame)


def until(condition: Callable[[], bool], limit_s: float = 15) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "did not come true"
        time.sleep(0.01)


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(("reader", "capture"))]


class TestRecordings:
    def test_every_frame_in_order_and_then_the_end(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "clip.mp4", moving_pictures(25), fps=10)
        with Capture(str(path), paced=False) as capture:
            frames = all_frames(capture)
            assert capture.dropped == 0
            assert capture.state.state is CaptureState.ENDED
        assert [frame.index for frame in frames] == list(range(25))
        assert [frame.at for frame in frames] == pytest.approx([number / 10 for number in range(25)])
        assert capture.state.reason == "the recording is over"

    def test_a_frame_came_by_the_clock_as_it_is_now(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write_video(tmp_path / "clip.mp4", moving_pictures(25), fps=10)
        now = time.time
        with Capture(str(path), paced=False) as capture:
            assert capture.read(10) is not None
            monkeypatch.setattr(module.time, "time", lambda: now() + 3600)
            last = all_frames(capture)[-1]
        assert abs(last.came_at - now() - 3600) < 60

    def test_frames_between_are_passed_over_and_counted(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "clip.mp4", moving_pictures(25), fps=10)
        with Capture(str(path), paced=False, rhythm=Rhythm(5)) as capture:
            frames = all_frames(capture)
            assert (capture.frames, capture.dropped) == (25, 0)
        assert [frame.index for frame in frames] == [0, *range(1, 25, 2)]
        assert [frame.at for frame in frames] == pytest.approx([frame.index / 10 for frame in frames])

    def test_a_slow_reader_loses_nothing(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "clip.mp4", moving_pictures(8), fps=100)
        with Capture(str(path), paced=True) as capture:
            first = capture.read(5)
            time.sleep(0.3)
            rest = all_frames(capture)
        assert first is not None
        assert [frame.index for frame in [first, *rest]] == list(range(8))

    def test_paced_frames_come_no_sooner_than_they_were_taken(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "clip.mp4", moving_pictures(6), fps=10)
        begin = time.monotonic()
        with Capture(str(path), paced=True) as capture:
            frames = all_frames(capture)
        assert time.monotonic() - begin >= frames[-1].at

    def test_played_in_a_loop_index_and_time_go_on(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "clip.mp4", moving_pictures(5), fps=10)
        with Capture(str(path), paced=False, loop=True) as capture:
            frames = [capture.read(5) for _ in range(13)]
        assert [frame.index for frame in frames if frame] == list(range(13))
        assert [frame.at for frame in frames if frame] == pytest.approx([number / 10 for number in range(13)])

    def test_a_gif(self, tmp_path: Path) -> None:
        pictures = [Pillow.fromarray(picture) for picture in moving_pictures(7)]
        path = tmp_path / "clip.gif"
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100)
        with Capture(str(path), paced=False) as capture:
            frames = all_frames(capture)
        assert len(frames) == 7
        assert frames[0].image.shape == (96, 160, 3)

    def test_a_folder_whose_pictures_change_their_size(self, tmp_path: Path) -> None:
        for number, side in enumerate((64, 32, 1)):
            cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((side, side, 3), dtype=np.uint8))
        with Capture(str(tmp_path), paced=False) as capture:
            assert [frame.image.shape[0] for frame in all_frames(capture)] == [64, 32, 1]

    def test_cut_off_in_the_middle_it_gives_what_is_there(self, tmp_path: Path) -> None:
        whole = write_video(tmp_path / "whole.mpg", moving_pictures(40), codec="mpeg1video", fps=25).read_bytes()
        path = tmp_path / "cut.mpg"
        path.write_bytes(whole[: len(whole) // 2])
        with Capture(str(path), paced=False) as capture:
            assert 1 <= len(all_frames(capture)) < 40

    def test_damaged_in_the_middle_it_comes_to_its_end(self, tmp_path: Path) -> None:
        whole = bytearray(
            write_video(tmp_path / "whole.mpg", moving_pictures(40), codec="mpeg1video", fps=25).read_bytes()
        )
        middle = len(whole) // 2
        whole[middle : middle + 400] = np.random.default_rng(0).bytes(400)
        path = tmp_path / "damaged.mpg"
        path.write_bytes(whole)
        with Capture(str(path), paced=False) as capture:
            all_frames(capture)

    def test_one_that_is_missing_is_told_at_once(self, tmp_path: Path) -> None:
        with pytest.raises(SourceNotFoundError):
            Capture(str(tmp_path / "nothing.mp4"))
        assert readers() == []

    def test_a_folder_of_nothing_but_broken_pictures(self, tmp_path: Path) -> None:
        (tmp_path / "0.jpg").write_bytes(b"broken")
        with Capture(str(tmp_path)) as capture, pytest.raises(SourceUnreadableError, match="no picture can be decoded"):
            capture.read(10)

    def test_closing_in_the_middle_leaves_no_thread(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "clip.mp4", moving_pictures(50))
        capture = Capture(str(path))
        capture.read(5)
        capture.close()
        capture.close()
        assert readers() == []
        with pytest.raises(SourceEndedError, match="closed"):
            capture.read(1)


class Scripted(Reader):
    """A live source that does what it is told: gives so many frames, then hangs, or breaks off."""

    fps = 10.0

    def __init__(self, frames: int, then: threading.Event | None) -> None:
        self.left, self.then = frames, then
        self.closed = False

    def grab(self) -> float | None:
        if self.left:
            self.left -= 1
            return 0.0
        if self.then is not None:
            self.then.wait()
        return None

    def picture(self) -> Image:
        return np.zeros((4, 4, 3), dtype=np.uint8)

    def close(self) -> None:
        self.closed = True


@contextmanager
def released(hang: threading.Event) -> Iterator[None]:
    """Nobody has to wait for what hangs, afterwards."""
    try:
        yield
    finally:
        hang.set()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same states, sooner."""
    monkeypatch.setattr("vision.connection.STALLED_AFTER_S", 0.2)
    monkeypatch.setattr("vision.connection.FIRST_FRAME_S", 0.2)
    monkeypatch.setattr("vision.connection.PAUSE_S", 0.02)
    monkeypatch.setattr("vision.connection.LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr(module, "_TICK_S", 0.01)


@pytest.mark.usefixtures("quick")
class TestLive:
    def use(self, monkeypatch: pytest.MonkeyPatch, sources: list[Reader | Exception]) -> list[Reader | Exception]:
        """Each attempt gets the next source; the last one again and again."""
        opened: list[Reader | Exception] = []

        def open_next(_: str) -> Reader:
            source = sources.pop(0) if len(sources) > 1 else sources[0]
            opened.append(source)
            if isinstance(source, Exception):
                raise source
            return source

        monkeypatch.setattr(module, "open_source", open_next)
        return opened

    def test_the_newest_frame_wins_and_the_others_are_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hang = threading.Event()
        self.use(monkeypatch, [Scripted(5, hang)])
        with Capture("rtsp://camera/door") as capture, released(hang):
            until(lambda: capture.dropped == 4)
            frame = capture.read(1)
            assert frame is not None
            assert frame.index == 4
            assert frame.at == pytest.approx(time.time(), abs=60)
            assert capture.read(0.01) is None

    def test_until_one_is_taken_each_newer_frame_is_better(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hang = threading.Event()
        self.use(monkeypatch, [Scripted(5, hang)])
        with Capture("rtsp://camera/door", rhythm=Rhythm(0.001)) as capture, released(hang):
            until(lambda: capture.frames == 5)
            frame = capture.read(1)
            assert frame is not None
            assert (frame.index, capture.dropped) == (4, 4)

    def test_one_that_is_down_is_a_state_and_no_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hang = threading.Event()
        self.use(monkeypatch, [SourceTimeoutError("no answer")] * 4 + [Scripted(1, hang)])
        with Capture("rtsp://camera/door") as capture, released(hang):
            until(lambda: capture.state.state is CaptureState.LOST)
            assert capture.state.reason == "no answer"
            assert capture.read(10) is not None
            assert capture.state.state is CaptureState.STREAMING

    def test_a_read_that_hangs_does_not_hang_the_camera(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hang = threading.Event()
        hanging = Scripted(1, hang)
        opened = self.use(monkeypatch, [hanging, Scripted(1, hang)])
        with Capture("rtsp://camera/door") as capture:
            assert capture.read(5) is not None
            assert capture.read(10) is not None
            assert len(opened) >= 2
            assert not hanging.closed
            hang.set()
            until(lambda: hanging.closed)
        assert readers() == []

    def test_hanging_attempts_do_not_pile_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hang = threading.Event()

        def open_and_hang(_: str) -> Reader:
            hang.wait()
            raise SourceTimeoutError("no answer")

        monkeypatch.setattr(module, "open_source", open_and_hang)
        with Capture("rtsp://camera/door") as capture:
            until(lambda: "hang" in capture.state.reason)
            assert len([thread for thread in readers() if thread.name.startswith("reader")]) <= 3
            hang.set()
        until(lambda: readers() == [])

    def test_one_that_breaks_off_is_opened_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = self.use(monkeypatch, [Scripted(1, None), Scripted(1, None), SourceUnreadableError("garbage")])
        with Capture("rtsp://camera/door") as capture:
            until(lambda: capture.state.reason == "garbage")
            assert len(opened) >= 3
            assert opened[0].closed

    def test_the_password_is_in_no_text_and_no_thread_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.use(monkeypatch, [SourceTimeoutError("no answer")])
        with Capture("rtsp://anna:geheim@camera/door") as capture:
            until(lambda: capture.state.state is CaptureState.LOST)
            told = [capture.shown, capture.state.reason, *(thread.name for thread in threading.enumerate())]
        assert not any("geheim" in text for text in told)
