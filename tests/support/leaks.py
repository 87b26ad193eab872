"""Looking for what must not be anywhere: secrets and pictures, in files, in processes, in the dashboard's answers."""

import base64
import contextlib
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

#: How JPEGs and PNGs begin, as they are and in base64.
PICTURES = (b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\x89PNG\r\n\x1a\n", b"/9j/4AAQSkZJRg", b"iVBORw0KGgo")
#: What Ray's dashboard tells of processes, actors, tasks and objects, and of Serve.
ANSWERS = (
    "/nodes?view=details",
    "/logical/actors",
    "/api/v0/actors?detail=1",
    "/api/v0/workers?detail=1",
    "/api/v0/tasks?detail=1",
    "/api/v0/objects?detail=1",
    "/api/v0/runtime_envs",
    "/api/jobs/",
    "/api/serve/applications/",
    "/api/cluster_status",
)


def parts(picture: bytes) -> list[bytes]:
    """Pieces out of a picture's middle: nobody else has them."""
    return [picture[at : at + 24] for at in range(len(picture) // 4, len(picture) - 24, len(picture) // 4)]


def secret(text: str) -> list[bytes]:
    return [text.encode(), base64.b64encode(text.encode()).rstrip(b"=")[:-2]]


def in_files(folder: Path, needles: Sequence[bytes]) -> Iterator[str]:
    """The files below a folder in which one of them is, and which."""
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink():
                yield from (f"{path}: {found!r}" for found in within(path.read_bytes(), needles))


def in_processes(processes: Sequence[psutil.Process], needles: Sequence[bytes]) -> Iterator[str]:
    """In what everybody sees of a process, and in what its own user and root do."""
    for process in processes:
        for what in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                raw = Path(f"/proc/{process.pid}/{what}").read_bytes()
                yield from (f"{what} of {_title(process)}: {found!r}" for found in within(raw, needles))


def in_answers(dashboard: str, token: str, needles: Sequence[bytes]) -> Iterator[str]:
    """In what the dashboard tells whoever has the cluster's token."""
    told = 0
    for path in ANSWERS:
        request = urllib.request.Request(dashboard + path, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                raw = answer.read()
                told += 1
        except urllib.error.HTTPError as error:
            # what it can't tell just now, it says why
            raw = error.read()
        yield from (f"{path}: {found!r}" for found in within(raw, needles))
    assert told > len(ANSWERS) // 2, "the dashboard tells too little"


def within(raw: bytes, needles: Sequence[bytes]) -> list[bytes]:
    return [needle for needle in needles if needle in raw]


def session(processes: Sequence[psutil.Process]) -> Path:
    """The folder of the Ray that they are: logs, sockets, and what is spilled where nothing else is said."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for word in process.cmdline():
                if found := re.match(r"--session[_-]dir=(.+)", word):
                    return Path(found[1])
    raise AssertionError("no process of Ray's tells its folder")


def spill_folder(processes: Sequence[psutil.Process]) -> Path:
    """Where Ray would write what does not fit into its memory."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for word in process.cmdline():
                if found := re.match(r"--fallback_directory=(.+)", word):
                    return Path(found[1])
    raise AssertionError("no process of Ray's tells where it spills")


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline()[:3])[:80]
    return str(process.pid)
