"""Recordings, pictures, classifiers and checkpoints that are damaged, none at all, or made to hurt."""

import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import tried
from support.recordings import moving_pictures, write_video

from domain.errors import AmikoError, ClassifierError, SourceError, SourceUnreadableError
from domain.records import Frame
from domain.settings import Camera
from networks.mlp import Classifier
from vision.source import open_source
from vision.watcher import Watcher

#: Frames that are read of a damaged recording: more than it can have.
MOST = 500


def frames(path: Path) -> int:
    """How many can be read. Raises SourceError."""
    reader = open_source(str(path))
    try:
        for count in range(MOST):
            if reader.read() is None:
                return count
    finally:
        reader.close()
    raise AssertionError("a recording of 20 frames has no end")


@pytest.fixture(scope="module", params=["mp4", "mkv", "avi", "mpg"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    codec = "mpeg1video" if request.param == "mpg" else "mpeg4" if request.param == "avi" else "h264"
    path = tmp_path_factory.mktemp("recordings") / f"whole.{request.param}"
    return write_video(path, moving_pictures(20), fps=25 if request.param == "mpg" else 10, codec=codec)


@tried(15)
@given(data=st.data())
def test_a_damaged_recording_is_read_as_far_as_it_goes_or_refused(
    recording: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(recording.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    for place in data.draw(st.lists(st.integers(0, max(0, len(content) - 1)), max_size=20)):
        if content:
            content[place] = data.draw(st.integers(0, 255))
    wrong = data.draw(st.sampled_from([recording.suffix, ".mp4", ".avi", ".txt", ""]))
    path = tmp_path / f"damaged{wrong}"
    path.write_bytes(content)
    try:
        assert frames(path) <= 40
    except SourceError as error:
        assert str(path) in str(error)


def png(width: int, height: int) -> bytes:
    """A picture's head that tells any size, and hardly a body."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height"), [(30_000, 30_000), (2**31 - 1, 1), (1, 2**31 - 1), (0, 0), (65_535, 65_535)]
)
def test_a_picture_that_says_it_is_huge_is_passed_over(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "0.png").write_bytes(png(width, height))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((8, 8, 3), np.uint8))
    assert frames(tmp_path) == 1


def test_a_recording_of_huge_frames_is_refused_before_the_first_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "large.mp4", moving_pictures(3))
    monkeypatch.setattr("vision.source.MOST_PIXELS", 160 * 96 - 1)
    with pytest.raises(SourceUnreadableError, match="160x96, too large"):
        open_source(str(path))


@tried(10)
@given(sizes=st.lists(st.tuples(st.integers(1, 700), st.integers(1, 700)), min_size=2, max_size=12))
def test_frames_that_change_their_size_trouble_nobody(sizes: list[tuple[int, int]]) -> None:
    watcher = Watcher(Camera.model_validate({"id": "c", "role": "entrance", "source": "x"}))
    random = np.random.default_rng(0)
    for number, (width, height) in enumerate(sizes):
        image = random.integers(0, 255, (height, width, 3), np.uint8)
        frame = Frame(index=number, at=number / 5, image=image)
        picture = watcher.look(frame)
        if picture is not None:
            watcher.see(frame, picture, [])
    watcher.finish()


@tried(60)
@given(content=st.binary(max_size=400))
def test_bytes_are_no_classifier(content: bytes) -> None:
    with pytest.raises(ClassifierError):
        Classifier.from_bytes(content)


TENSOR = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "I64", "U8", "BOOL", "F8_E4M3", "nonsense"]),
        "shape": st.lists(st.integers(-1, 2**40), max_size=3),
        "data_offsets": st.lists(st.integers(-1, 2**40), min_size=2, max_size=2),
    }
)


@tried(60)
@given(
    header=st.dictionaries(
        st.sampled_from(["mean", "scale", "probes", "answers", "model.net.0.weight", "x"]), TENSOR, max_size=6
    ),
    told=st.one_of(
        st.text(max_size=20),
        st.fixed_dictionaries(
            {"format": st.integers(0, 3), "departments": st.lists(st.text(max_size=3), max_size=3) | st.none()}
        ).map(json.dumps),
    ),
    size=st.none() | st.integers(0, 2**64 - 1),
    body=st.binary(max_size=64),
)
def test_a_made_up_classifier_is_refused(header: dict, told: str, size: int | None, body: bytes) -> None:
    head = json.dumps({**header, "__metadata__": {"amiko.classifier": told}}).encode()
    content = struct.pack("<Q", len(head) if size is None else size) + head + body
    with pytest.raises(ClassifierError):
        Classifier.from_bytes(content)


@tried(15)
@given(data=st.data())
def test_a_damaged_checkpoint_is_refused_in_a_line(tmp_path: Path, data: st.DataObject) -> None:
    from domain.settings import Network
    from networks.kinds import check_encoder

    folder = tmp_path / "checkpoint"
    folder.mkdir(exist_ok=True)
    config = data.draw(
        st.sampled_from(
            [
                b"",
                b"{}",
                b"[]",
                b"null",
                b'{"model_type": 5}',
                b'{"model_type": "clip"}',
                b'{"auto_map": {"AutoModel": "x.Y"}}',
            ]
        )
        | st.binary(max_size=50)
    )
    (folder / "config.json").write_bytes(config)
    (folder / "model.safetensors").write_bytes(data.draw(st.binary(max_size=100)))
    try:
        check_encoder(Network(checkpoint=str(folder)))
    except AmikoError as error:
        assert len(str(error).splitlines()) <= 2
