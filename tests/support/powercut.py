"""What may be on a disk after a power cut, worked out from all that a process did to its files.

`recorder.c` notes each write, sync, creation, rename and deletion, in order. A cut after any of them leaves what was
synced by then, and of the rest anything: each write whole, torn at any byte, or not at all, in whatever order; of
creations, renames and deletions in a folder that was not synced since, the first few. That is what POSIX promises and
what disks and file systems do at their worst.
"""

import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_HEAD = struct.Struct("<QQQQ")


@dataclass(frozen=True)
class Deed:
    """One thing that a process did: W(rite), T(runcate), S(ync), C(reate), U(nlink), R(ename)."""

    what: str
    path: str
    offset: int
    data: bytes


@dataclass
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[Deed] = field(default_factory=list)

    def sync(self) -> None:
        for deed in self.pending:
            _apply(self.synced, deed, len(deed.data))
        self.pending.clear()

    def cut(self, chance: random.Random) -> bytes:
        content = bytearray(self.synced)
        # sometimes all of it, or nothing, or most: what a disk most often leaves
        share = chance.choice((0.0, 0.5, 0.9, 1.0))
        for deed in self.pending:
            if chance.random() < share:
                torn = chance.random() < 0.2
                _apply(content, deed, chance.randint(0, len(deed.data)) if torn else len(deed.data))
        return bytes(content)


def compiled(folder: Path) -> Path:
    """The recorder. Raises OSError, CalledProcessError where there is no C compiler."""
    made = folder / "recorder.so"
    source = Path(__file__).with_name("recorder.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True)
    return made


def read(record: Path) -> list[Deed]:
    """All that was noted."""
    return list(_deeds(record.read_bytes()))


def _deeds(raw: bytes) -> Iterator[Deed]:
    at = 0
    while at < len(raw):
        what, length, offset, size = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        carries = chr(what) in "WR"
        path, data = raw[at : at + length].decode(), raw[at + length : at + length + size] if carries else b""
        at += length + len(data)
        yield Deed(chr(what), path, offset, data)


class Disk:
    """Follows the deeds below a folder, and can be asked at any moment what a cut would leave."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._synced: dict[str, _File] = {}
        self._live: dict[str, _File] = {}
        #: By folder: its entries' changes that were not synced.
        self._pending: dict[str, list[Deed]] = {}
        #: What each creation made: the very file, whatever its name will be.
        self._made: dict[int, _File] = {}

    def follow(self, deed: Deed) -> None:
        match deed.what:
            case "W" | "T":
                # a file that was there before the record began
                file = self._live.setdefault(deed.path, self._synced.setdefault(deed.path, _File()))
                file.pending.append(deed)
            case "S" if deed.path in self._live:
                self._live[deed.path].sync()
            case "S":
                for change in self._pending.pop(deed.path, []):
                    self._change(self._synced, change)
            case _:
                if deed.what == "C":
                    self._made[id(deed)] = _File()
                self._change(self._live, deed)
                self._pending.setdefault(str(Path(deed.path).parent), []).append(deed)

    def cut(self, chance: random.Random, target: Path) -> None:
        """Put into `target` what the folder would hold."""
        entries = dict(self._synced)
        for changes in self._pending.values():
            for change in changes[: chance.randint(0, len(changes))]:
                self._change(entries, change)
        for path, file in entries.items():
            if path.endswith("-shm"):
                continue  # no disk's matter: it is made anew
            made = target / Path(path).relative_to(self._folder)
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_bytes(file.cut(chance))

    def _change(self, entries: dict[str, _File], deed: Deed) -> None:
        match deed.what:
            case "C":
                entries[deed.path] = self._made[id(deed)]
            case "U":
                entries.pop(deed.path, None)
            case "R" if deed.path in entries:
                entries[deed.data.decode()] = entries.pop(deed.path)


def _apply(content: bytearray, deed: Deed, size: int) -> None:
    if deed.what == "T":
        del content[deed.offset :]
        content.extend(bytes(deed.offset - len(content)))
        return
    content.extend(bytes(max(0, deed.offset - len(content))))
    content[deed.offset : deed.offset + size] = deed.data[:size]
