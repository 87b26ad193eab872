"""The files that operators deploy with, held against those who will read them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import fillout_defaults, validate_config
from ray.serve.schema import ServeDeploySchema

from domain.settings_file import read_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def document(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [ROOT / "ray_cluster.yaml", DEPLOY / "aws.yaml"], ids=lambda path: path.name)
def test_ray_accepts_the_cluster_file(path: Path) -> None:
    config = document(path)
    # as `ray up` does
    validate_config(fillout_defaults(config))
    if config["provider"]["type"] == "local":
        assert config["max_workers"] == len(config["provider"]["worker_ips"])
    commands = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
    assert all("ray.env" in line for line in commands if "ray start" in line)


def environment(*names: str) -> dict[str, str]:
    """The files as a shell reads them."""
    files = " ".join(f". {DEPLOY / name};" for name in names)
    told = subprocess.run(
        ["sh", "-c", f"set -a; {files} env"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    return dict(line.split("=", 1) for line in told.stdout.splitlines())


def test_ports_are_fixed_and_apart() -> None:
    told = environment("ray.env", "head.env")
    assert told["RAY_AUTH_MODE"] == "token"
    options = dict(re.findall(r"--([a-z-]+)=(\S+)", f"{told['AMIKO_RAY_HEAD']} {told['AMIKO_RAY_OPTIONS']}"))
    assert options["dashboard-host"] == "127.0.0.1"
    ports = [int(value) for name, value in options.items() if "port" in name and "worker-port" not in name]
    assert len(ports) == len(set(ports))
    workers = range(int(options["min-worker-port"]), int(options["max-worker-port"]) + 1)
    assert not set(ports) & set(workers)
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert all(str(port) in manual for port in [*ports, workers[0], workers[-1]])


def test_a_node_finds_its_store(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "store.sh", tmp_path)
    fake = tmp_path / "hostname"
    fake.write_text("#!/bin/sh\necho 10.0.0.9 192.0.2.12 fe80::1\n")
    fake.chmod(0o755)

    def told(nodes: str) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "nodes").write_text(nodes)
        return subprocess.run(
            ["sh", str(tmp_path / "store.sh")],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        )

    assert told((DEPLOY / "nodes").read_text()).stdout == "spb-2\n"
    stranger = told("192.0.2.1 spb-1\n")
    assert stranger.returncode == 1
    assert "deploy/nodes" in stranger.stderr


@pytest.mark.parametrize(("good", "status"), [(3, 0), (99, 1)])
def test_a_nodes_start_is_tried_again(tmp_path: Path, good: int, status: int) -> None:
    """Ray's autoscaler gives a node up whose start failed once."""
    shutil.copytree(DEPLOY, tmp_path / "amiko" / "deploy")
    for folder in ("bin", ".ray"):
        (tmp_path / folder).mkdir()
    for name, script in {
        "ray": f'echo "$@" >> {tmp_path}/said; test "$1" = stop || test $(grep -c ^start {tmp_path}/said) -ge {good}',
        "sleep": "true",
        "pgrep": "false",
        "hostname": "echo 192.0.2.12",
    }.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    line = document(ROOT / "ray_cluster.yaml")["worker_start_ray_commands"][-1]
    given = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path), "RAY_HEAD_IP": "192.0.2.10"}
    assert subprocess.run(["bash", "-c", line], env=given, check=False).returncode == status
    said = (tmp_path / "said").read_text().splitlines()
    starts = [one for one in said if one.startswith("start")]
    assert len(starts) == min(good, 20)
    assert all("--address=192.0.2.10:6379" in one and "--labels=store=spb-2" in one for one in starts)


def test_serve_accepts_what_kuberay_hands_it() -> None:
    service = document(DEPLOY / "kuberay.yaml")
    assert service["kind"] == "RayService"
    config = ServeDeploySchema.model_validate(yaml.safe_load(service["spec"]["serveConfigV2"]))
    (application,) = config.applications
    assert application.name == "networks"
    module, name = application.import_path.split(":")
    assert (ROOT / f"{module.replace('.', '/')}.py").read_text().count(f"\n{name} = ") == 1
    assert service["spec"]["rayClusterConfig"]["authOptions"] == {"mode": "token"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze: apt-get install systemd")
@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda path: path.name)
def test_systemd_accepts_the_units(unit: Path, tmp_path: Path) -> None:
    for one in (DEPLOY / "systemd").glob("*.service"):
        text = one.read_text()
        # what is not installed here would be complained of
        (tmp_path / one.name).write_text(re.sub(r"/opt/amiko/\.venv/bin/\w+", "/bin/true", text))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:/lib/systemd/system"},
    )
    complaints = [line for line in checked.stderr.splitlines() if unit.name in line]
    assert (checked.returncode, complaints) == (0, [])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus")
def test_prometheus_accepts_rules_and_configuration() -> None:
    for command in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]):
        checked = subprocess.run(
            ["promtool", *command], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr


def test_the_manual_tells_what_to_do_for_each_alert() -> None:
    (group,) = document(DEPLOY / "prometheus" / "alerts.yml")["groups"]
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert all(f"| {rule['alert']} |" in manual for rule in group["rules"])


def test_grafana_gets_a_board_with_panels_apart() -> None:
    board = json.loads((DEPLOY / "grafana" / "amiko.json").read_text(encoding="utf-8"))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(places) == len(set(places))
    assert all(target["expr"] for panel in board["panels"] for target in panel["targets"])


def test_the_readmes_shop_can_lie_beside(tmp_path: Path) -> None:
    """The settings that the cluster's documents speak of are accepted."""
    path = tmp_path / "stores.yaml"
    path.write_text(
        "telegram: {token: '1:a'}\n"
        "stores: [{id: spb-1, name: Невский, departments: [Toys], networks: local},"
        " {id: spb-2, name: Садовая, departments: [Toys], networks: central}]\n",
        encoding="utf-8",
    )
    assert [store.networks for store in read_settings(path).stores] == ["local", "central"]
