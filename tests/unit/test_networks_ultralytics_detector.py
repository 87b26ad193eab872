"""Ultralytics' files. What needs the library itself is tried in an environment of its own: see docs/measurements.md."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from domain.errors import NetworksError
from domain.settings import Network, Networks
from domain.settings_file import read_settings
from networks.detector import load_detector
from networks.kinds import check_detector, check_encoder, describe, warning

ROOT = Path(__file__).parent.parent.parent


def test_the_originals_settings_are_accepted() -> None:
    settings = read_settings(ROOT / "examples" / "original.yaml", {"AMIKO_TELEGRAM_TOKEN": "1:a"})
    assert settings.networks.detector.checkpoint == "yolov5xu.pt"
    assert settings.networks.encoder.checkpoint == "openai/clip-vit-large-patch14-336"
    assert len(settings.stores[0].departments) == 5


def test_a_missing_file_is_told_with_where_it_is_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMIKO_CACHE", str(tmp_path))
    with pytest.raises(NetworksError, match=r"github\.com/ultralytics/assets/releases"):
        check_detector(Network(checkpoint="yolov5xu.pt"))
    (tmp_path / "yolov5xu.pt").write_bytes(b"any")
    check_detector(Network(checkpoint="yolov5xu.pt"))


def test_its_licence_is_told_before_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMIKO_CACHE", str(tmp_path))
    networks = Networks(detector=Network(checkpoint="yolov5xu.pt"))
    told = warning(networks)
    assert told is not None
    assert "AGPL-3.0" in told
    assert warning(Networks()) is None
    (missing,) = describe(networks)
    assert (missing["licence"], missing["sound"]) == ("AGPL-3.0", False)
    (tmp_path / "yolov5xu.pt").write_bytes(b"any")
    (there,) = describe(networks)
    assert (there["path"], there["sound"]) == (str(tmp_path / "yolov5xu.pt"), True)


def test_it_is_no_encoder() -> None:
    with pytest.raises(NetworksError, match="find people and describe none"):
        check_encoder(Network(checkpoint="yolov5xu.pt"))


def test_without_the_library_the_extra_and_its_licence_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "yolov5xu.pt").write_bytes(b"any")
    monkeypatch.setitem(sys.modules, "ultralytics.nn", None)
    with pytest.raises(NetworksError, match=r"pip install 'amiko\[ultralytics\]' \(AGPL-3.0"):
        load_detector(Network(checkpoint=str(tmp_path / "yolov5xu.pt")))


# -- with the library -----------------------------------------------------------------------------------------------


def _made(path: Path, architecture: str, *, people: bool = True) -> Path:
    """A network of Ultralytics' own description with random weights that is sure of people everywhere."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    made = YOLO(f"{architecture}.yaml")
    names = dict(enumerate(["person" if people else "cat", *(f"thing {number}" for number in range(79))]))
    if made.task == "detect":
        made.model.names = names
        for part in made.model.model[-1].cv3:
            # so that no two scores are alike
            part[-1].weight.data[0] *= 1000
            part[-1].bias.data[:] = -9
            part[-1].bias.data[0] = 1
    made.save(path)
    return path


@pytest.mark.ultralytics
@pytest.mark.parametrize("architecture", ["yolov5n", "yolov5x", "yolov8n", "yolo11n"])
def test_it_finds_what_ultralytics_itself_finds(
    architecture: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("ultralytics", reason="pip install 'amiko[ultralytics]' into an environment of its own")
    from skimage import data
    from ultralytics import YOLO

    path = _made(tmp_path / f"{architecture}u.pt", architecture)
    detector = load_detector(Network(checkpoint=str(path)))
    assert "AGPL-3.0" in caplog.text
    picture = cv2.resize(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR), (416, 256))
    (people,) = detector.detect([picture], 0.5)
    (theirs,) = YOLO(path).predict(picture, imgsz=(256, 416), conf=0.5, iou=0.5, classes=[0], max_det=10000)
    assert len(people) > 5
    scores = np.array([one.score for one in people])
    np.testing.assert_allclose(scores[:5], theirs.boxes.conf[:5].cpu(), atol=1e-3)
    # theirs end at the picture's edge
    boxes = np.clip([one.box for one in people], 0, [416, 256, 416, 256])
    np.testing.assert_allclose(boxes[:5], theirs.boxes.xyxy[:5].cpu(), atol=0.5)


@pytest.mark.ultralytics
def test_what_is_no_detector_of_people_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ultralytics", reason="pip install 'amiko[ultralytics]' into an environment of its own")
    with pytest.raises(NetworksError, match="does not know the class 'person'; its classes begin with: cat"):
        load_detector(Network(checkpoint=str(_made(tmp_path / "cats.pt", "yolov8n", people=False))))
    with pytest.raises(NetworksError, match="is no detector"):
        load_detector(Network(checkpoint=str(_made(tmp_path / "classes.pt", "yolov8n-cls"))))
    cut = _made(tmp_path / "cut.pt", "yolov8n")
    cut.write_bytes(cut.read_bytes()[:50_000])
    with pytest.raises(NetworksError, match="can't be loaded"):
        load_detector(Network(checkpoint=str(cut)))
    (tmp_path / "none.pt").write_bytes(b"no network")
    with pytest.raises(NetworksError, match="can't be loaded"):
        load_detector(Network(checkpoint=str(tmp_path / "none.pt")))


@pytest.mark.ultralytics
def test_a_file_that_would_run_something_is_not_run(tmp_path: Path) -> None:
    pytest.importorskip("ultralytics", reason="pip install 'amiko[ultralytics]' into an environment of its own")
    import torch

    class Bad:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "ran"),))

    torch.save({"model": Bad()}, tmp_path / "bad.pt")
    with pytest.raises(NetworksError, match="can't be loaded"):
        load_detector(Network(checkpoint=str(tmp_path / "bad.pt")))
    assert not (tmp_path / "ran").exists()
