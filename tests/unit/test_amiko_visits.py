"""`amiko visits`: its options, its report, and real recordings."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.recordings import footage, moving_pictures, write_video

from amiko.visits import camera_of, lines_of, visits, watch
from domain.errors import InputError, NetworksError, SourceError
from domain.records import Detection, Image
from networks.detector import Detector, load_detector
from vision.watcher import Seen, SeenKind


class Blocks:
    """Finds the bright block of the made-up recordings, and takes it for a person."""

    def detect(self, pictures: list[Image], score: float) -> list[list[Detection]]:
        found = []
        for picture in pictures:
            rows, columns = np.nonzero(picture[..., 0] > 180)
            box = (float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max()))
            found.append([Detection(box=box, score=max(score, 0.9))])
        return found


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4", moving_pictures(40))


def test_a_recording_becomes_a_report(clip: Path) -> None:
    report = watch(str(clip), camera_of(str(clip), None, None, None, 416, 5), Blocks())
    assert report["frames"] == 40
    assert (report["entries"], report["exits"]) == (0, 0)
    (line,) = report["visits"]
    assert line["first_frame"] <= 2
    assert line["last_frame"] >= 37
    assert (line["direction"], line["crossed_frame"], line["announced"]) == (None, None, True)


def test_with_a_door_each_crossing_is_a_line(clip: Path) -> None:
    # The block moves to the right by two pixels a frame, from 10.
    camera = camera_of(str(clip), "60,0,60,95", "150,50", None, 416, 5)
    report = watch(str(clip), camera, Blocks())
    (line,) = report["visits"]
    assert line["direction"] == "in"
    assert line["crossed_frame"] == pytest.approx(20, abs=2)
    assert (report["entries"], report["exits"]) == (1, 0)


def test_the_annotated_video_has_all_frames(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    watch(str(clip), camera_of(str(clip), "60,0,60,95", "150,50", None, 416, 5), Blocks(), out)
    capture, count = cv2.VideoCapture(str(out)), 0
    while capture.read()[0]:
        count += 1
    capture.release()
    assert count == 40


def test_the_preview_is_a_picture_and_needs_no_networks(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMIKO_CACHE", str(tmp_path / "empty"))
    out = tmp_path / "out.png"
    visits(str(clip), door="60,0,60,95", inside="150,50", preview=out)
    assert cv2.imread(str(out)).shape[1] >= 160
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"door": "1,2,3,4"}, "--inside"),
        ({"inside": "1,2"}, "--door"),
        ({"door": "1,2,3", "inside": "1,2"}, r"--door 1,2,3: expected 4 whole numbers"),
        ({"door": "1,2,3,x", "inside": "1,2"}, r"--door 1,2,3,x"),
        ({"door": "-1,2,3,4", "inside": "1,2"}, r"--door -1,2,3,4"),
        ({"door": "5,5,5,5", "inside": "1,2"}, "two different ends"),
        ({"door": "0,5,50,5", "inside": "10,5"}, "lies on the door's line"),
        ({"region": "50,50,10,10"}, "--region 50,50,10,10"),
        ({"size": 500}, "--size 500"),
        ({"fps": 0}, "--fps 0"),
        ({"fps": 1000}, "--fps 1000"),
    ],
)
def test_options_that_can_not_be(options: dict[str, object], named: str) -> None:
    given: dict[str, object] = {"door": None, "inside": None, "region": None, "size": 416, "fps": 5}
    with pytest.raises(InputError, match=named):
        camera_of("clip.mp4", **(given | options))


@pytest.mark.parametrize("source", ["0", "rtsp://anna:geheim@camera/door"])
def test_cameras_have_no_end(source: str) -> None:
    with pytest.raises(InputError, match=r"^[^g]*a camera has no end"):
        camera_of(source, None, None, None, 416, 5)


@pytest.mark.parametrize(
    "options", [{"door": "0,5,50,500", "inside": "1,1"}, {"region": "0,0,500,50"}], ids=["door", "region"]
)
def test_what_lies_outside_the_picture_is_told_also_by_the_preview(
    clip: Path, tmp_path: Path, options: dict[str, str]
) -> None:
    with pytest.raises(InputError, match="lies outside the picture, which is 160x96"):
        visits(str(clip), preview=tmp_path / "out.png", **options)
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("name", ["missing/out.png", "out.txt"])
def test_a_preview_that_can_not_be_written(clip: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="--preview"):
        visits(str(clip), preview=tmp_path / name)


def test_a_recording_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("nothing")
    with pytest.raises(SourceError):
        watch(str(tmp_path / "text.mp4"), camera_of(str(tmp_path / "text.mp4"), None, None, None, 416, 5), Blocks())


def test_a_withdrawn_announcement_is_no_line() -> None:
    def seen(kind: SeenKind) -> Seen:
        return Seen(kind=kind, track=1, frame=5, at=1.0, first_frame=1, last_frame=9, crossed=True)

    assert lines_of([seen(SeenKind.VISIT), seen(SeenKind.WITHDRAWN), seen(SeenKind.GONE)]) == []


def test_who_comes_back_came_in_and_was_not_announced() -> None:
    def seen(kind: SeenKind, track: int, frame: int) -> Seen:
        return Seen(kind=kind, track=track, frame=frame, at=1.0, first_frame=1, last_frame=9, crossed=True)

    events = [seen(SeenKind.VISIT, 1, 5), seen(SeenKind.ENTRY, 1, 5), seen(SeenKind.ENTRY, 2, 7)]
    assert [(line["crossed_frame"], line["announced"]) for line in lines_of(events)] == [(5, True), (7, False)]


@pytest.fixture(scope="module")
def detector() -> Detector:
    try:
        return load_detector()
    except NetworksError as error:
        pytest.skip(str(error))


def test_one_by_one_six_visits_at_their_frames(detector: Detector) -> None:
    path = footage("one_by_one")
    report = watch(str(path), camera_of(str(path), None, None, None, 416, 5), detector)
    with (path.parent / "visits.csv").open(newline="") as file:
        labels = [(int(row["first_frame0"]), int(row["last_frame0"])) for row in csv.DictReader(file)]
    found = [(line["first_frame"], line["last_frame"]) for line in report["visits"]]
    assert report["frames"] == 1394
    assert len(found) == len(labels) == 6
    for (first, last), (labelled_first, labelled_last) in zip(found, labels, strict=True):
        assert abs(first - labelled_first) <= 15
        assert abs(last - labelled_last) <= 15


def test_a_car_park_has_no_visits(detector: Detector) -> None:
    path = str(footage("cars_no_people"))
    assert watch(path, camera_of(path, None, None, None, 416, 5), detector)["visits"] == []


@pytest.mark.parametrize(
    ("name", "entries", "exits"),
    [("shopfront_enter_exit", 1, 1), ("shopfront_one_leaves", 0, 1), ("shopfront_reenters", 1, 1)],
)
def test_a_shops_door(name: str, entries: int, exits: int, detector: Detector) -> None:
    path = footage(name)
    report = watch(str(path), camera_of(str(path), "213,148,328,148", "270,100", "150,50,384,250", 640, 5), detector)
    assert (report["entries"], report["exits"]) == (entries, exits)
    found = {(line["direction"], line["crossed_frame"]) for line in report["visits"]}
    with (path.parent / "events.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            direction = {"enter": "in", "leave": "out"}[row["event"]]
            crossed = [frame for way, frame in found if way == direction and frame is not None]
            assert any(abs(frame - int(row["frame0"])) <= 12 for frame in crossed)
