"""The command line as people and scripts meet it: exit status, standard output, standard error."""

import io
import tomllib
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console
from typer.testing import CliRunner

from amiko import cli
from amiko.cli import build
from domain.errors import ClusterError, InputError
from tests.support.processes import amiko, document

ROOT = Path(__file__).parents[2]
SETTINGS = """
telegram: {token: "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
stores:
  - {id: nevsky, name: Невский, departments: [Toys, Cars]}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "stores.yaml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


def test_help_names_every_command() -> None:
    ended = amiko("--help", COLUMNS="120")
    assert ended.returncode == 0
    for command in ("demo", "run", "status", "stop", "check", "visits", "networks", "assistants", "samples", "train",
                    "classifiers", "backup", "restore", "forget", "bench"):  # fmt: skip
        assert f" {command} " in ended.stdout


COMMANDS = ("demo", "run", "status", "stop", "check", "visits", "networks", "assistants", "samples", "train",
            "classifiers", "backup", "restore", "forget")  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    told = CliRunner().invoke(build(command), [command, "--help"])
    assert told.exit_code == 0, told.stderr
    assert f"{command} [OPTIONS]" in told.stdout


def test_it_knows_its_release() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert amiko("--version").stdout == f"amiko {declared}\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("check", "--nonsense"), ("visits",), ("bench", "nonsense")])
def test_wrong_words_are_wrong_input(arguments: tuple[str, ...]) -> None:
    ended = amiko(*arguments)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_check_says_that_nothing_is_wrong(settings: Path) -> None:
    ended = amiko("check", str(settings), "--json")
    assert ended.returncode == 0
    assert document(ended.stdout)["stores"] == [{"id": "nevsky", "name": "Невский", "cameras": 0}]


def test_check_says_what_is_wrong(settings: Path) -> None:
    settings.write_text(SETTINGS.replace("departments", "department"), encoding="utf-8")
    ended = amiko("check", str(settings))
    assert ended.returncode == 2
    assert "stores.0.department: unknown key" in ended.stderr
    assert "stores.0.departments: missing" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 2


@pytest.mark.parametrize("networks", ["{detector: yolox-nan}", "{encoder: yolox-nano}", "{encoder: yolov8n.pt}"])
def test_check_knows_the_networks_names(settings: Path, networks: str) -> None:
    settings.write_text(SETTINGS.replace("stores:", f"networks: {networks}\nstores:"), encoding="utf-8")
    ended = amiko("check", str(settings))
    assert ended.returncode == 2
    assert networks.strip("{}").split()[-1] in ended.stderr


def test_debug_shows_where(settings: Path) -> None:
    ended = amiko("check", str(settings.with_name("nowhere.yaml")), "--debug")
    assert ended.returncode != 0
    assert "Traceback" in ended.stderr


@pytest.mark.parametrize("command", ["status", "stop"])
def test_where_nothing_runs_it_is_told(command: str) -> None:
    ended = amiko(command, "--json")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "amiko run" in ended.stderr


def test_people_come_and_go(settings: Path) -> None:
    at = ("--settings", str(settings))
    assert amiko("assistants", "add", "@anna_k", "--name", "Анна", *at).returncode == 0
    assert amiko("assistants", "add", "12345", *at).returncode == 0
    listed = document(amiko("assistants", "list", "--json").stdout)
    assert [(one["store"], one["username"], one["telegram_id"]) for one in listed] == [
        ("nevsky", None, 12345),
        ("nevsky", "anna_k", None),
    ]
    twice = amiko("assistants", "add", "@Anna_K", *at)
    assert (twice.returncode, "registered already" in twice.stderr) == (2, True)
    assert amiko("assistants", "remove", "@anna_k").returncode == 0
    gone = amiko("assistants", "remove", "@anna_k")
    assert (gone.returncode, "on no list" in gone.stderr) == (2, True)
    wrong = amiko("assistants", "add", "not a name!", *at)
    assert wrong.returncode == 2


def test_run_refuses_a_damaged_database(settings: Path, home: Path) -> None:
    home.mkdir()
    (home / "amiko.db").write_bytes(b"damaged" * 1000)
    ended = amiko("run", str(settings))
    assert ended.returncode == 2
    assert "amiko.db" in ended.stderr
    assert (home / "amiko.db").read_bytes() == b"damaged" * 1000


def test_a_second_one_in_the_background_is_refused_at_once(settings: Path, home: Path) -> None:
    settings.write_text(SETTINGS.replace('"}', '", api_url: "http://127.0.0.1:9"}', 1), encoding="utf-8")
    home.mkdir()
    with FileLock(home / "running.lock"):
        ended = amiko("run", str(settings), "--detach")
    assert ended.returncode == 2
    assert "Amiko runs already" in ended.stderr
    assert not (home / "amiko.log").exists()


def test_run_refuses_missing_weights(settings: Path, tmp_path: Path) -> None:
    settings.write_text(SETTINGS.replace("stores:", 'networks: {detector: "nonsense"}\nstores:'), encoding="utf-8")
    ended = amiko("run", str(settings))
    assert ended.returncode == 2
    assert "nonsense" in ended.stderr


def test_the_chat_pages_port_may_be_in_use(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = amiko("demo", "--port", str(port))
    assert ended.returncode == 2
    assert str(port) in ended.stderr


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (InputError("no such thing"), 2, "no such thing"),
        (ClusterError("Ray is away"), 1, "Ray is away"),
        (OSError("the disk is full"), 1, "the disk is full"),
        (ZeroDivisionError("division by zero"), 1, "This is a fault of Amiko's"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_how_it_ends_is_told_by_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, told: str
) -> None:
    def fail(_: str | None) -> None:
        raise error

    output = io.StringIO()
    monkeypatch.setattr(cli, "prepare", lambda **_: None)
    monkeypatch.setattr(cli, "build", fail)
    monkeypatch.setattr(cli, "err", Console(file=output))
    monkeypatch.setattr("sys.argv", ["amiko", "check"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == status
    assert told in output.getvalue()
    assert "Traceback" not in output.getvalue()
