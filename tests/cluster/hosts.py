"""Hosts of their own on this machine: network, process and mount namespaces, which can lose power or their cable.

Each has its address, its init, its home (a folder that survives a power cut, as a disk does), and an sshd.
"""

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
SWITCH = "amiko-switch"
#: `hosts[n]` has the address that ends in 10 + n.
NET = "10.78.0"

#: The superuser's home, the same path on each host: another folder behind it.
HOME = pwd.getpwuid(0).pw_dir
#: Of the real home: where Python itself and the networks' weights may lie.
SHARED = (".pyenv", ".local", ".cache")

_INIT = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    try: os.waitpid(-1, 0)
    except ChildProcessError: time.sleep(0.2)
"""


def can_be_made() -> str | None:
    """Why hosts can't be made here; None where they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "unshare", "nsenter", "sshd", "rsync", "redis-server"):
        if not any((Path(folder) / tool).exists() for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin")):
            return f"{tool} is not installed (iproute2, util-linux, openssh-server, rsync, redis-server)"
    probe = subprocess.run(
        ["unshare", "--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "--mount-proc", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"namespaces can't be made here: {probe.stderr.strip()}" if probe.returncode else None


class Hosts:
    """So many machines on a switch of their own. A context manager: all of it is gone at the end."""

    def __init__(self, count: int, folder: Path, environment: dict[str, str]) -> None:
        """`environment`: what a login on each of them sets."""
        self._folder = folder
        self._environment = environment
        self.addresses = [f"{NET}.{10 + number}" for number in range(count)]
        self._inits: dict[int, int] = {}

    def __enter__(self) -> Self:
        try:
            self._make()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _make(self) -> None:
        _run("ip", "netns", "add", SWITCH)
        _run("ip", "-n", SWITCH, "link", "add", "br0", "type", "bridge")
        for device in ("br0", "lo"):
            _run("ip", "-n", SWITCH, "link", "set", device, "up")
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._folder / "key"))
        for number, address in enumerate(self.addresses):
            name = _name(number)
            _run("ip", "netns", "add", name)
            _run(*f"ip link add amc{number} netns {SWITCH} type veth peer name eth0 netns {name}".split())
            _run("ip", "-n", SWITCH, "link", "set", f"amc{number}", "master", "br0", "up")
            _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _run("ip", "-n", name, "link", "set", device, "up")
            self._install(number)
            self.boot(number)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in list(self._inits):
            self.kill(number)
        for number in range(len(self.addresses)):
            subprocess.run(["ip", "netns", "del", _name(number)], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "netns", "del", SWITCH], check=False, stderr=subprocess.DEVNULL)

    def disk(self, number: int) -> Path:
        """A host's home, from outside."""
        return self._folder / f"disk{number}"

    def run(self, number: int, command: str, *, timeout_s: float = 300) -> "subprocess.CompletedProcess[str]":
        """A command on a host, with what a login sets."""
        return subprocess.run(
            self._entered(number, command), capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def start(self, number: int, command: str, log: Path) -> "subprocess.Popen[bytes]":
        """As `run`, without waiting."""
        with log.open("ab") as file:
            return subprocess.Popen(self._entered(number, command), stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    def kill(self, number: int) -> None:
        """Pull the plug: whatever ran there is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._inits.pop(number), signal.SIGKILL)

    def boot(self, number: int) -> None:
        """Power on: an empty memory, the disk as it was, and an sshd."""
        name, disk = _name(number), self.disk(number)
        script = f"""
            hostname {name}
            mkdir -p /tmp/ray; mount -t tmpfs -o size=2g tmpfs /tmp/ray; mount -t tmpfs -o size=2g tmpfs /dev/shm
            mount --bind {disk}/hosts /etc/hosts
            for shared in {" ".join(SHARED)}; do
                if [ -d {HOME}/$shared ]; then mkdir -p {disk}/$shared; mount --bind {HOME}/$shared {disk}/$shared; fi
            done
            mount --rbind {disk} {HOME}; mkdir -p /run/sshd
            /usr/sbin/sshd -f {HOME}/sshd_config -E {HOME}/sshd.log
            exec {sys.executable} -c '{_INIT}'
        """
        outside = subprocess.Popen(
            [
                *["ip", "netns", "exec", name, "unshare", "--pid", "--mount", "--uts", "--ipc", "--fork"],
                *["--mount-proc", "--propagation", "private", "bash", "-c", script],
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
        end = time.monotonic() + 10
        while not (inside := children.read_text().split()):
            if time.monotonic() > end:
                raise TimeoutError(f"host {number} does not boot")
            time.sleep(0.05)
        self._inits[number] = int(inside[0])
        while self.run(number, "ss -ltn | grep -q :22").returncode:
            if time.monotonic() > end:
                raise TimeoutError(f"host {number} has no sshd: {(disk / 'sshd.log').read_text()}")
            time.sleep(0.1)

    def cut(self, number: int) -> None:
        """Pull the network cable."""
        _run("ip", "-n", SWITCH, "link", "set", f"amc{number}", "down")

    def heal(self, number: int) -> None:
        """Put it back."""
        _run("ip", "-n", SWITCH, "link", "set", f"amc{number}", "up")

    def _install(self, number: int) -> None:
        disk, address = self.disk(number), self.addresses[number]
        (disk / ".ssh").mkdir(parents=True)
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(disk / "host_key"))
        for name in ("key", "key.pub"):
            (disk / ".ssh" / name).write_bytes((self._folder / name).read_bytes())
            (disk / ".ssh" / name).chmod(0o600)
        (disk / ".ssh" / "authorized_keys").write_bytes((self._folder / "key.pub").read_bytes())
        (disk / "hosts").write_text(f"127.0.0.1 localhost\n{address} {_name(number)}\n")
        (disk / "sshd_config").write_text(
            f"ListenAddress {address}\nHostKey {HOME}/host_key\nPermitRootLogin yes\nStrictModes no\n"
            f"AuthorizedKeysFile {HOME}/.ssh/authorized_keys\nPasswordAuthentication no\nPidFile {HOME}/sshd.pid\n"
        )
        lines = [f"export {key}={value}" for key, value in self._environment.items()]
        (disk / ".bashrc").write_text("\n".join(lines) + "\n")

    def _entered(self, number: int, command: str) -> list[str]:
        entered = ["nsenter", "-t", str(self._inits[number]), "-n", "-p", "-m", "-u", "-i", "--"]
        return [*entered, "env", "-i", f"HOME={HOME}", "bash", "-c", f"cd; . ./.bashrc; {command}"]


def _name(number: int) -> str:
    return f"amiko-c{number}"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
