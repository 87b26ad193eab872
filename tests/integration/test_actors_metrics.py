"""What is published is what Prometheus is asked for: Ray's real metrics, scraped by a real Prometheus."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from actors.metrics import CameraMetrics, DispatcherMetrics, RegistryMetrics, TrainerMetrics
from actors.status import CameraStatus

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.usefixtures("cluster"),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus: apt-get install prometheus"),
]

DEPLOY = Path(__file__).parents[2] / "deploy"
LIMIT_S = 90.0


def wanted() -> set[str]:
    """Every metric that an alert or the board asks for."""
    texts = [(DEPLOY / "prometheus" / "alerts.yml").read_text(), (DEPLOY / "grafana" / "amiko.json").read_text()]
    return {name for text in texts for name in re.findall(r"ray_amiko_\w+", text)}


def publish() -> None:
    """As the actors do."""
    status = CameraStatus.__annotations__
    numbers = dict.fromkeys((key for key, kind in status.items() if "int" in str(kind)), 3)
    camera: object = numbers | {
        "state": "streaming",
        "picture": "good",
        "stages_ms": {"detect": {"p50": 20.0, "p95": 30.0}},
    }
    metrics = CameraMetrics("s", "door")
    metrics.publish(camera, kept=0, sent_bytes=1)
    metrics.took("detect", 0.02)
    registry = RegistryMetrics(["s"])
    registry.publish({("s", "waiting"): 1}, {("s", None): 1, ("s", "sent"): 1}, outbox_age_s=0.0)
    for stage in ("heard", "delivered", "message"):
        registry.took("s", stage, 0.4)
    DispatcherMetrics().publish(healthy=True, answered_s_ago=1.0, errors={"TimedOut": 1})
    TrainerMetrics().publish("s", version=2, score=0.8, refused=0, samples=100)


@pytest.fixture
def prometheus(tmp_path: Path, cluster: None) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (node,) = [one for one in ray.nodes() if one["Alive"]]
    target = f"127.0.0.1:{node['MetricsExportPort']}"
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: ray, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    process = subprocess.Popen(
        [
            *["prometheus", "--config.file=prometheus.yml", f"--web.listen-address={address}"],
            f"--storage.tsdb.path={tmp_path / 'data'}",
        ],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://{address}"
    process.terminate()
    process.wait(10)


def has(prometheus: str, query: str) -> bool:
    try:
        asked = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return bool(json.load(answer)["data"]["result"])
    except OSError:
        return False


def test_prometheus_answers_for_each_metric_that_is_asked_for(prometheus: str) -> None:
    missing, end = wanted(), time.monotonic() + LIMIT_S
    assert len(missing) > 10
    while missing and time.monotonic() < end:
        publish()
        missing = {name for name in missing if not has(prometheus, name)}
        time.sleep(1)
    assert missing == set()
