"""The same networks by torch and by ONNX Runtime, and what happens where one of them can't."""

import logging
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from domain.errors import NetworksError
from domain.settings import DETECTOR, ENCODER, Network
from learning.training import train
from networks import runtime
from networks.detector import load_detector
from networks.encoder import load_encoder
from networks.runtime import by_torch, device_of, graph_path, runner
from tests.support.embeddings import DEPARTMENTS, visitors

TORCH = {"runtime": "torch"}


def photograph(size: tuple[int, int]) -> NDArray[np.uint8]:
    from skimage import data

    return cv2.resize(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR), size)


def test_both_runtimes_find_the_same_people(weights: None) -> None:
    pictures = [photograph((416, 416)), photograph((416, 256)), photograph((640, 640))]
    ours = load_detector().detect(pictures, 0.3)
    theirs = load_detector(DETECTOR.model_copy(update=TORCH)).detect(pictures, 0.3)
    assert len(ours[0]) == 1
    for mine, other in zip(ours, theirs, strict=True):
        assert len(mine) == len(other)
        for one, two in zip(mine, other, strict=True):
            np.testing.assert_allclose(one.box, two.box, atol=0.1)
            assert one.score == pytest.approx(two.score, abs=1e-3)


def test_embeddings_of_both_runtimes_can_be_mixed(weights: None) -> None:
    """Same identity, same vectors: a classifier can't tell them apart."""
    crops = [photograph((120, 300)), photograph((300, 90)), photograph((33, 41))]
    ours = load_encoder().embed(crops)
    theirs = load_encoder(ENCODER.model_copy(update=TORCH)).embed(crops)
    for one, two in zip(ours, theirs, strict=True):
        assert one.encoder == two.encoder
        assert one.vector @ two.vector > 0.99999
        assert np.linalg.norm(one.vector) == pytest.approx(1, abs=1e-5)


def test_a_classifier_answers_the_same_for_vectors_of_any_length() -> None:
    """Samples kept before vectors had length 1 go on to be good."""
    classifier = train(visitors(40), DEPARTMENTS)
    vectors = np.stack([sample.embedding.vector for sample in visitors(5)])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.probabilities(vectors), classifier.probabilities(unit), atol=1e-4)


def test_half_precision_sees_the_same(weights: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU does, on the CPU: slow there, but the same numbers."""
    whole = load_encoder().embed([photograph((120, 300))])[0].vector
    people = load_detector().detect([photograph((416, 416))], 0.5)[0]

    def halved(model: torch.nn.Module, *_: object, **__: object) -> runtime.Run:
        return by_torch(model, torch.device("cpu"), half=True)

    monkeypatch.setattr("networks.embedded.runner", halved)
    half = load_encoder().embed([photograph((120, 300))])[0].vector
    assert whole @ half > 0.999
    found = load_detector().detect([photograph((416, 416))], 0.5)[0]
    np.testing.assert_allclose(found[0].box, people[0].box, atol=2)


class Doubled(torch.nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.float() * 2


PROBE = np.ones((2, 3), np.float32)


def doubled(network: Network = ENCODER, model: torch.nn.Module | None = None) -> runtime.Run:
    tolerance = np.array([1e-4], np.float32)
    return runner(model or Doubled(), network, "doubled@1", probe=(PROBE,), dynamic=(0,), tolerance=tolerance)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMIKO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_graph_is_exported_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doubled()(PROBE).tolist() == (2 * PROBE).tolist()
    assert graph_path("doubled@1").is_file()
    monkeypatch.setattr(runtime, "_export", None)
    assert doubled()(np.ones((5, 3), np.float32)).shape == (5, 3)


def test_a_damaged_or_wrong_graph_is_exported_anew(cache: Path) -> None:
    doubled()
    path = graph_path("doubled@1")
    sound = path.read_bytes()
    path.write_bytes(sound[:-20])
    doubled()
    assert path.read_bytes() == sound

    class Tripled(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs * 3

    assert doubled(model=Tripled())(PROBE).tolist() == (3 * PROBE).tolist()


def test_a_large_network_is_exported_only_if_the_settings_ask_for_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Weighted(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((3,), 2.0))

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs * self.weight

    monkeypatch.setattr(runtime, "LARGE", 11)
    assert doubled(model=Weighted())(PROBE).tolist() == (2 * PROBE).tolist()
    assert not graph_path("doubled@1").exists()
    doubled(ENCODER.model_copy(update={"runtime": "onnxruntime"}), Weighted())
    assert graph_path("doubled@1").exists()


def test_what_can_not_be_exported_is_run_by_torch_and_told(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> bytes:
        raise RuntimeError("this operator is not known")

    monkeypatch.setattr(runtime, "_export", fails)
    with caplog.at_level(logging.WARNING):
        run = doubled()
    assert run(PROBE).tolist() == (2 * PROBE).tolist()
    assert "this operator is not known" in caplog.text


def test_without_onnxruntime_torch_runs_it_and_says_so(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert doubled()(PROBE).tolist() == (2 * PROBE).tolist()
    assert "pip install onnxruntime" in caplog.text


def test_a_gpu_that_is_not_there_is_told_unless_the_choice_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NetworksError, match="device: auto"):
        device_of(Network(checkpoint="yolox-nano", device="cuda"))
    assert device_of(DETECTOR).type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device_of(DETECTOR).type == "cuda"
    with pytest.raises(NetworksError, match="finds 1 GPU"):
        device_of(Network(checkpoint="yolox-nano", device="cuda:1"))
