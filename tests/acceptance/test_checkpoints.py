"""Networks of other makers in the whole system: tiny ones with random weights, from directories that the settings name.

What they see is chance; that they are loaded, asked and answer is not.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.sandbox import PEOPLE, Sandbox
from tests.support.processes import amiko, document

pytest.importorskip("transformers", reason="pip install 'amiko[hub]'")

from tests.support.checkpoints import clip, d_fine, dinov2, rt_detr_v2, siglip2, yolos

pytestmark = [pytest.mark.timeout(400)]

TOKEN = "1000000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
ANNA = PEOPLE[0]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    server = Sandbox(TOKEN)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stopped(home: Path) -> Iterator[None]:
    """Whatever the test does, nothing goes on after it."""
    yield
    amiko("stop")


def settings_of(tmp_path: Path, sandbox: Sandbox, detector: Path, encoder: Path) -> Path:
    from amiko import madeup

    video = tmp_path / "clip.mp4"
    madeup.write_clip(video)
    path = tmp_path / "stores.yaml"
    path.write_text(
        f"""
telegram: {{token: "${{TOKEN}}", api_url: "{sandbox.url}"}}
networks: {{detector: {detector}, encoder: {{checkpoint: {encoder}, revision: null}}}}
stores:
  - id: nevsky
    name: Невский
    departments: [Toys, Cars]
    prompts: {{Toys: [a child]}}
    cameras:
      - {{id: door, role: entrance, source: "{video}"}}
""",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("detector", "encoder", "dimensions", "told"),
    [
        pytest.param(rt_detr_v2, clip, 24, "Подойдите в отдел ", id="RT-DETR v2, CLIP"),
        pytest.param(d_fine, siglip2, 16, "Подойдите в отдел ", id="D-FINE, SigLIP 2"),
        # no text tower: nothing is known of departments until somebody answers
        pytest.param(yolos, dinov2, 16, "Посетитель № 1", id="YOLOS, DINOv2"),
    ],
)
def test_a_new_shop_announces_at_once(
    detector: Callable[[Path], Path],
    encoder: Callable[[Path], Path],
    dimensions: int,
    told: str,
    tmp_path: Path,
    sandbox: Sandbox,
    stopped: None,
    home: Path,
) -> None:
    settings = settings_of(tmp_path, sandbox, detector(tmp_path / "detector"), encoder(tmp_path / "encoder"))
    assert amiko("assistants", "add", f"@{ANNA.username}", "--settings", str(settings), TOKEN=TOKEN).returncode == 0
    sandbox.press(ANNA.id, "/login")
    sandbox.press(ANNA.id, "Начнём!")
    begun = amiko("run", str(settings), "--detach", "--json", timeout_s=300, TOKEN=TOKEN, HF_HUB_OFFLINE="1")
    assert begun.returncode == 0, begun.stderr
    sandbox.wait_for(ANNA.id, told, timeout_s=90)

    with sqlite3.connect(home / "amiko.db") as database:
        ((made_by, length, prediction),) = database.execute(
            "SELECT encoder, length(embedding), prediction FROM visits ORDER BY at LIMIT 1"
        ).fetchall()
    assert made_by.startswith(f"{encoder.__name__}@")
    assert length == 2 * dimensions
    departments = "отдел" in told
    assert (json.loads(prediction)["classifier"] if prediction else None) == (0 if departments else None)
    trainer = document(amiko("status", "--json").stdout)["trainer"]["nevsky"]
    assert (trainer["classifier"], trainer["encoder"]) == (0 if departments else None, made_by)
    assert trainer["encoder_changed"] is None


def test_what_is_no_detector_ends_the_start_with_the_reason(tmp_path: Path, sandbox: Sandbox, home: Path) -> None:
    encoder = dinov2(tmp_path / "encoder")
    ended = amiko("run", str(settings_of(tmp_path, sandbox, encoder, encoder)), TOKEN=TOKEN)
    assert (ended.returncode, "is no detector (Dinov2Model)" in ended.stderr) == (2, True), ended.stderr
    assert not (home / "running.json").exists()
