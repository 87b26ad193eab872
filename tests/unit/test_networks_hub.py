"""Checkpoints of other makers: tiny ones with random weights go through the real loaders; bad ones are refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

pytest.importorskip("transformers", reason="pip install 'amiko[hub]'")

from domain.errors import NetworksError
from domain.places import cache as cache_folder
from domain.settings import Network, Networks
from networks import hub
from networks.detector import load_detector
from networks.encoder import load_encoder
from networks.kinds import check_detector, check_encoder, describe
from tests.support.checkpoints import DETECTORS, ENCODERS, clip, dinov2, yolos
from tests.support.hub_server import COMMIT, hub_of

#: Where the embedded networks' weights are, before a test has a cache of its own.
EMBEDDED = str(cache_folder())


def network(folder: Path | str, **more: object) -> Network:
    return Network.model_validate({"checkpoint": str(folder), **more})


def photograph(size: tuple[int, int]) -> NDArray[np.uint8]:
    from skimage import data

    return cv2.resize(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR), size)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMIKO_CACHE", str(tmp_path / "cache"))


# -- detectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", DETECTORS)
def test_a_detector_finds_what_transformers_itself_finds(family: str, tmp_path: Path) -> None:
    folder = DETECTORS[family](tmp_path / family)
    check_detector(network(folder))
    detector = load_detector(network(folder))
    pictures = [photograph(size) for size in ((416, 416), (640, 384), (416, 416))]
    found = detector.detect(pictures, 0.3)
    for picture, people in zip(pictures, found, strict=True):
        assert people
        np.testing.assert_allclose(
            [[*one.box, one.score] for one in people], _by_transformers(folder, picture, 0.3), atol=0.05
        )
    assert detector.detect([], 0.3) == []
    assert detector.identity.startswith(f"{family}@")


def _by_transformers(folder: Path, picture: NDArray[np.uint8], score: float) -> list[list[float]]:
    """As the library's own examples do it: an RGB picture of Pillow, one at a time."""
    from PIL import Image
    from transformers import AutoImageProcessor, AutoModelForObjectDetection

    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    model = AutoModelForObjectDetection.from_pretrained(folder).eval()
    image = Image.fromarray(picture[..., ::-1].copy())
    with torch.inference_mode():
        outputs = model(**processor(images=image, return_tensors="pt"))
    (answer,) = processor.post_process_object_detection(outputs, score, target_sizes=[(image.height, image.width)])
    rows = [
        [
            *np.clip(box.numpy(), 0, [image.width, image.height] * 2).tolist(),
            float(certain),
        ]
        for certain, label, box in zip(answer["scores"], answer["labels"], answer["boxes"], strict=True)
        if model.config.id2label[int(label)] == "Person"
    ]
    return sorted(rows, key=lambda row: -row[4])


# -- encoders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ENCODERS)
def test_an_encoder_gives_unit_vectors_the_same_alone_as_in_a_batch(family: str, tmp_path: Path) -> None:
    folder = ENCODERS[family](tmp_path / family)
    check_encoder(network(folder))
    encoder = load_encoder(network(folder))
    crops = [photograph((120, 300)), photograph((300, 90)), np.full((1, 1, 3), 90, np.uint8)]
    together = encoder.embed(crops)
    for crop, embedding in zip(crops, together, strict=True):
        (alone,) = encoder.embed([crop])
        np.testing.assert_allclose(alone.vector, embedding.vector, atol=1e-5)
        assert embedding.vector.shape == (encoder.dimensions,)
        assert np.linalg.norm(embedding.vector) == pytest.approx(1, abs=1e-5)
        assert embedding.encoder == encoder.identity
    assert encoder.embed([]) == []


@pytest.mark.parametrize("family", ["clip", "dinov2"])
def test_both_runtimes_agree_about_a_checkpoint(family: str, tmp_path: Path) -> None:
    folder = ENCODERS[family](tmp_path / family)
    crop = photograph((120, 300))
    ours, theirs = (load_encoder(network(folder, runtime=runtime)) for runtime in ("onnxruntime", "torch"))
    assert ours.identity == theirs.identity
    np.testing.assert_allclose(ours.embed([crop])[0].vector, theirs.embed([crop])[0].vector, atol=1e-5)


def test_a_tall_person_is_seen_from_head_to_foot(tmp_path: Path) -> None:
    """Processors cut a square out of the middle; what lies above and below must count all the same."""
    encoder = load_encoder(network(dinov2(tmp_path / "dinov2")))
    crop = np.full((300, 60, 3), 120, np.uint8)
    changed = crop.copy()
    changed[:30] = 255
    one, other = encoder.embed([crop, changed])
    assert one.vector @ other.vector < 0.9999


def test_the_same_weights_have_the_same_identity_wherever_they_lie(tmp_path: Path) -> None:
    folder = clip(tmp_path / "clip")
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert hub.find(network(folder)).identity() == hub.find(network(moved)).identity()
    preprocessing = json.loads((moved / "preprocessor_config.json").read_text())
    (moved / "preprocessor_config.json").write_text(json.dumps(preprocessing | {"image_mean": [0, 0, 0]}))
    assert hub.find(network(folder)).identity() != hub.find(network(moved)).identity()


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_texts_and_crops_meet_in_one_space(family: str, tmp_path: Path) -> None:
    encoder = load_encoder(network(ENCODERS[family](tmp_path / family)))
    texts = encoder.embed_texts(["a toy", "игрушки, много игрушек и ещё больше игрушек", ""])
    assert texts is not None
    assert texts.encoder == encoder.identity
    assert texts.vectors.shape == (3, encoder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(texts.vectors, axis=1), 1, atol=1e-5)
    assert texts.sharpness > 0


def test_dinov2_knows_no_texts(tmp_path: Path) -> None:
    assert load_encoder(network(dinov2(tmp_path / "dinov2"))).embed_texts(["a toy"]) is None


# -- what is wrong is told ------------------------------------------------------------------------------------------


def test_what_is_no_detector_is_refused(tmp_path: Path) -> None:
    folder = dinov2(tmp_path / "dinov2")
    for refuse in (check_detector, load_detector):
        with pytest.raises(NetworksError, match="is no detector \\(Dinov2Model\\)"):
            refuse(network(folder))


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    folder = yolos(tmp_path / "yolos")
    for refuse in (check_encoder, load_encoder):
        with pytest.raises(NetworksError, match="yolos can't be the encoder; these can: clip, siglip, siglip2, dinov2"):
            refuse(network(folder))


def _edit(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_a_detector_that_knows_no_people_is_refused(tmp_path: Path) -> None:
    folder = yolos(tmp_path / "yolos")
    _edit(folder, id2label={"0": "cat", "1": "teapot", "2": "dog"})
    with pytest.raises(NetworksError, match="does not know the class 'person'; its classes begin with: cat, teapot"):
        check_detector(network(folder))


@pytest.mark.parametrize("content", ["{", "[1]", "", '{"no": "model_type"}'])
def test_a_broken_config_is_told(tmp_path: Path, content: str) -> None:
    folder = clip(tmp_path / "clip")
    (folder / "config.json").write_text(content)
    with pytest.raises(NetworksError, match=r"config\.json"):
        check_encoder(network(folder))


@pytest.mark.parametrize("broken", ["preprocessor_config.json", "tokenizer.json"])
def test_another_broken_file_is_told_when_it_is_read(tmp_path: Path, broken: str) -> None:
    folder = clip(tmp_path / "clip")
    (folder / broken).write_text("{")
    with pytest.raises(NetworksError, match="can't be loaded"):
        load_encoder(network(folder)).embed_texts(["a toy"])


@pytest.mark.parametrize("kept", [0, 4, 200, -1])
def test_weights_that_are_cut_off_are_found_before_anything_starts(tmp_path: Path, kept: int) -> None:
    folder = clip(tmp_path / "clip")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(NetworksError, match="cut off or damaged"):
        check_encoder(network(folder))


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    """Transformers itself would go on with random ones."""
    folder = clip(tmp_path / "clip")
    shutil.copy(dinov2(tmp_path / "dinov2") / "model.safetensors", folder)
    with pytest.raises(NetworksError, match="weights are of another architecture than config"):
        load_encoder(network(folder))


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    folder = dinov2(tmp_path / "dinov2")
    _edit(folder, hidden_size=32)
    with pytest.raises(NetworksError, match="another shape"):
        load_encoder(network(folder))


def test_pickled_weights_are_refused_unless_the_settings_allow_them(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = dinov2(tmp_path / "dinov2")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(NetworksError, match="allow_pickle: true if you trust it"):
        check_encoder(network(folder))
    assert load_encoder(network(folder, allow_pickle=True)).dimensions == 16


def test_too_little_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    folder = dinov2(tmp_path / "dinov2")
    for error in (
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
    ):

        def fails(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(transformers.Dinov2Model, "from_pretrained", fails)
        with pytest.raises(NetworksError, match="not enough memory to load it; take a smaller checkpoint"):
            load_encoder(network(folder))


def test_a_missing_directory_is_told() -> None:
    with pytest.raises(NetworksError, match="no such directory"):
        check_encoder(network("/nowhere/clip"))


def test_without_transformers_the_extra_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = clip(tmp_path / "clip")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(NetworksError, match=r"pip install 'amiko\[hub\]'"):
        load_encoder(network(folder))


def test_the_settings_networks_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    good = yolos(tmp_path / "yolos")
    detector, encoder = describe(Networks(detector=network(good), encoder=network("/nowhere/clip")))
    assert (detector["path"], detector["sound"], detector["problem"]) == (str(good), True, None)
    assert (encoder["sound"], "no such directory" in str(encoder["problem"])) == (False, True)


# -- the hub --------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return folder


def test_what_was_not_pulled_is_told_with_the_command(hub_home: Path) -> None:
    with pytest.raises(NetworksError, match="bring it: amiko networks pull --settings"):
        check_encoder(network("openai/clip"))
    with pytest.raises(NetworksError, match="at revision 7a3f"):
        check_encoder(network("openai/clip", revision="7a3f"))
    with pytest.raises(NetworksError, match="a/b/c"):
        check_encoder(network("a/b/c"))


def test_a_hub_that_can_not_be_reached_is_told_with_the_way_round(
    hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(NetworksError, match=r"can't be reached\.\n.*hf download openai/clip --local-dir"):
        hub.pull(network("openai/clip"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(NetworksError, match="HF_HUB_OFFLINE forbids"):
        hub.pull(network("openai/clip"))


def test_a_repository_is_pulled_once_and_loaded_offline(weights: None, tmp_path: Path) -> None:
    """In a process of its own, as people do it: the library reads its environment when it is imported."""
    dinov2(tmp_path / "dinov2")
    settings = tmp_path / "stores.yaml"
    settings.write_text(
        "telegram: {token: '1:a'}\n"
        "networks: {encoder: {checkpoint: maker/tiny-dinov2, revision: " + COMMIT + "}}\n"
        "stores: [{id: s, name: S, departments: [A, B]}]\n"
    )

    def amiko(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        home = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1", "AMIKO_CACHE": EMBEDDED}
        return subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, **home, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    pull = ("-m", "amiko", "networks", "pull", "--settings", str(settings), "--json")
    with hub_of("maker/tiny-dinov2", tmp_path / "dinov2") as address:
        pulled = amiko(*pull, HF_ENDPOINT=address, HF_HUB_OFFLINE="0")
        assert pulled.returncode == 0, pulled.stderr
        assert json.loads(pulled.stdout)["checkpoints"][0]["revision"] == COMMIT
        settings.write_text(settings.read_text().replace("tiny-dinov2", "nothing"))
        missing = amiko(*pull, HF_ENDPOINT=address, HF_HUB_OFFLINE="0")
        assert (missing.returncode, "check its name, or log in" in missing.stderr) == (2, True), missing.stderr
    load = (
        "from domain.settings import Network; from networks.encoder import load_encoder;"
        f"print(load_encoder(Network(checkpoint='maker/tiny-dinov2', revision='{COMMIT}')).dimensions)"
    )
    loaded = amiko("-c", load, HF_HUB_OFFLINE="1")
    assert loaded.stdout.strip() == "16", loaded.stderr
