"""Files that are there whole or not at all, also after a power cut."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import StorageError

#: What ends the name of a file that is not whole yet.
PART = ".part"


def write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all, also across a power cut. Raises StorageError."""
    try:
        with whole(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise StorageError(
            f"{path}: can't be written: {error.strerror}; nothing was changed. Make room and try again"
        ) from error


@contextmanager
def whole(path: Path, *, mode: int = 0o600) -> Iterator[Path]:
    """A file to write into; it is `path` once it is on the disk, and gone where anything is raised. Raises OSError."""
    make_folder(path.parent)
    # what a killed process left half written
    for old in path.parent.glob(f".{path.name}.*{PART}"):
        old.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(mode)
        sync(part)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync(path.parent)


def make_folder(path: Path) -> None:
    """A folder that is still there after a power cut. Raises OSError."""
    missing = [one for one in (path, *path.parents) if not one.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for one in missing:
        sync(one.parent)


def sync(path: Path) -> None:
    """A file's content, or a folder's names, are on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
