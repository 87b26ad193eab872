"""A backup: one tar with the database, the classifiers' files and a manifest that tells what must be in it.

Made while the system runs. Put back whole or not at all, after everything in it was looked at.
"""

import hashlib
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from domain.errors import InputError, StorageError
from domain.places import CLASSIFIERS, DATABASE
from storage.database import RESTORING, Database, copies, copy_whole, drop_copies, scripts
from storage.files import make_folder, sync, whole

#: The layout of the archive.
FORMAT: Final = 1
MANIFEST = "manifest.json"
#: Bytes: a chain's manifest has 50 for each of its classifiers.
_MANIFEST_BYTES = 16 * 1024**2
_MEMBER = re.compile(r"amiko\.db|classifiers/[A-Za-z0-9][A-Za-z0-9._-]{0,62}/([0-9]+|cold-start)\.safetensors")
#: How often a backup begins again where a classifier was cleared away while it was made.
_TRIES = 3
#: How the folder's name begins in which a backup is gathered.
_STAGING = ".amiko-backup-"
#: Seconds after which what a killed backup has left is cleared away.
_BROKEN_OFF_S = 24 * 3600.0


class Member(BaseModel):
    """A file of the archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bytes: NonNegativeInt
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What an archive says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    #: Seconds since 1970.
    made_at: float
    #: Of the Amiko that made it.
    release: str
    #: The database's version: the number of its last migration.
    schema_version: PositiveInt
    files: dict[str, Member]
    #: Classifiers that the database names and whose files were not what was written.
    missing: list[str]


def make(home: Path, target: Path, *, release: str) -> Manifest:
    """Back up a data folder while others write into it. Raises InputError, StorageError; then there is no `target`."""
    if not (home / DATABASE).is_file():
        raise InputError(f"{home}: there is no database to back up; AMIKO_HOME names the data folder")
    # beside the target: a backup is wanted most where the data folder's disk is full
    for broken_off in target.parent.glob(f"{_STAGING}*"):
        if broken_off.stat().st_mtime < time.time() - _BROKEN_OFF_S:
            shutil.rmtree(broken_off, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=_STAGING) as folder:
            for _ in range(_TRIES):
                manifest = _gather(home, Path(folder), release)
                if not manifest.missing:
                    break
            with whole(target) as part:
                _pack(manifest, Path(folder), part)
                _check(part, manifest)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"{target}: the backup can't be written: {error}") from error
    return manifest


def _gather(home: Path, folder: Path, release: str) -> Manifest:
    copy = folder / DATABASE
    copy.unlink(missing_ok=True)
    copy_whole(home / DATABASE, copy)
    with closing(sqlite3.connect(copy)) as connection:
        schema = _version(connection)
        # a database from before there were classifiers has none
        rows = (
            connection.execute("SELECT store, version, sha256 FROM classifiers WHERE kept = 1").fetchall()
            if "classifiers" in _names(connection)
            else []
        )
    wanted = {f"{CLASSIFIERS}/{store}/{version}.safetensors": sha256 for store, version, sha256 in rows}
    cold = {f"{CLASSIFIERS}/{path.parent.name}/{path.name}": None for path in _cold_starts(home)}
    files, missing = {DATABASE: _member(copy)}, []
    for name, sha256 in sorted({**cold, **wanted}.items()):
        kept = folder / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(home / name, kept)
        except FileNotFoundError:
            missing.append(name)
            continue
        member = _member(kept)
        if sha256 in {None, member.sha256}:
            files[name] = member
        else:
            missing.append(name)
    return Manifest(made_at=time.time(), release=release, schema_version=schema, files=files, missing=missing)


def _cold_starts(home: Path) -> list[Path]:
    return list((home / CLASSIFIERS).glob("*/cold-start.safetensors"))


def _pack(manifest: Manifest, folder: Path, part: Path) -> None:
    text = folder / MANIFEST
    text.write_text(manifest.model_dump_json(indent=1))
    with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in (MANIFEST, *manifest.files):
            archive.add(folder / name, name, recursive=False, filter=_nobody)


def _nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


@contextmanager
def unpacked(source: Path, home: Path) -> Iterator[tuple[Manifest, Path]]:
    """A backup's content, looked at and brought up to date, in a folder within `home`, which is gone afterwards.

    Raises InputError for what is no backup or a damaged one, StorageError where it can't be unpacked.
    """
    make_folder(home)
    with tempfile.TemporaryDirectory(dir=home, prefix=".restore-") as name:
        folder = Path(name)
        try:
            manifest = _check(source, None, into=folder)
        except InputError as error:
            raise InputError(f"{source}: {error}; nothing was changed") from error
        except OSError as error:
            raise StorageError(f"{source}: can't be unpacked: {error}; nothing was changed") from error
        _look_into(source, folder / DATABASE, manifest)
        yield manifest, folder


async def bring_up_to_date(folder: Path) -> None:
    """The unpacked database, made by an older release perhaps, as this one wants it. Raises StorageError."""
    async with Database.open(folder / DATABASE):
        pass
    # the archive is the copy
    drop_copies(folder / DATABASE, keep_s=0)


def put_back(folder: Path, home: Path) -> None:
    """What was unpacked takes the place of what is there, which is deleted. Raises InputError, StorageError.

    Where it is broken off in the middle, the next start says so, and the restore has only to be done again.
    """
    _alone(home / DATABASE)
    (folder / CLASSIFIERS).mkdir(exist_ok=True)
    old = folder / "old"
    old.mkdir()
    try:
        for path in [*folder.rglob("*"), folder]:
            sync(path)
        _swap(folder, home, old)
    except OSError as error:
        raise StorageError(f"{home}: the backup can't be put there: {error}; nothing was changed") from error
    for copy in copies(home / DATABASE):
        copy.unlink()
    for broken_off in home.glob(".restore-*"):
        if broken_off != folder:
            shutil.rmtree(broken_off)


def _swap(folder: Path, home: Path, old: Path) -> None:
    """Raises OSError, with all as it was before."""
    mark = home / RESTORING
    mark.touch()
    sync(home)
    moved: list[tuple[Path, Path]] = []
    try:
        for name in (DATABASE, CLASSIFIERS):
            for source, target in ((home / name, old / name), (folder / name, home / name)):
                if source.exists():
                    source.replace(target)
                    moved.append((source, target))
        sync(home)
    except BaseException:
        for source, target in reversed(moved):
            target.replace(source)
        mark.unlink()
        raise
    mark.unlink()
    sync(home)


def _alone(path: Path) -> None:
    """Raises InputError while another process has the database open; else all of it is in the one file afterwards."""
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=0.5)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise InputError(f"{path}: a process has it open; end it first: amiko stop") from error
    except sqlite3.DatabaseError:
        pass  # a damaged one: that is what backups are for
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)


def _check(source: Path, expected: Manifest | None, *, into: Path | None = None) -> Manifest:
    """Read an archive to its end and compare each file with the manifest; `into`: a folder that gets them.

    Names are never taken from the archive unseen, and nothing but plain files is. Raises InputError, OSError.
    """
    try:
        with tarfile.open(source, "r:") as archive:
            manifest = _manifest(archive)
            if expected is not None and manifest != expected:
                raise InputError("is not what was written")
            left = dict(manifest.files)
            while (entry := archive.next()) is not None:
                member = left.pop(entry.name, None)
                if member is None or not entry.isreg() or not _MEMBER.fullmatch(entry.name):
                    raise InputError(f"is no backup of Amiko's: {entry.name!r} has no business in one")
                if entry.size != member.bytes or _unpack(archive, entry, into) != member.sha256:
                    raise InputError(f"is damaged: {entry.name} is not what was backed up")
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise InputError(f"is damaged, or no backup of Amiko's: {error}") from error
    if left:
        raise InputError(f"is damaged: {min(left)} is missing")
    return manifest


def _manifest(archive: tarfile.TarFile) -> Manifest:
    first = archive.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > _MANIFEST_BYTES:
        raise InputError("is no backup of Amiko's")
    try:
        manifest = Manifest.model_validate_json(_content(archive, first).read())
    except ValidationError as error:
        raise InputError("is no backup of Amiko's, or one of a newer Amiko: its manifest says other things") from error
    if DATABASE not in manifest.files:
        raise InputError("is no backup of Amiko's: no database is in it")
    if manifest.schema_version > len(scripts()):
        raise InputError(
            f"was made by a newer Amiko ({manifest.release}, schema {manifest.schema_version}); update this one"
        )
    return manifest


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(entry)
    assert content is not None
    return content


def _unpack(archive: tarfile.TarFile, entry: tarfile.TarInfo, into: Path | None) -> str:
    """The content's sha256."""
    target = into.joinpath(*PurePosixPath(entry.name).parts) if into else Path(os.devnull)
    if into:
        target.parent.mkdir(parents=True, exist_ok=True)
    digest, content = hashlib.sha256(), _content(archive, entry)
    with target.open("wb") as file:
        while piece := content.read(1024**2):
            digest.update(piece)
            file.write(piece)
    if into:
        target.chmod(0o600)
    return digest.hexdigest()


def _look_into(source: Path, path: Path, manifest: Manifest) -> None:
    """Raises InputError for a database that is not whole, or is none of Amiko's."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            (sound,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            strange = _version(connection) != manifest.schema_version or _schema(manifest.schema_version) != _names(
                connection
            )
    except sqlite3.Error as error:
        raise InputError(f"{source}: its database is damaged: {error}") from error
    if sound != "ok":
        raise InputError(f"{source}: its database is damaged: {sound}")
    if strange:
        raise InputError(f"{source}: its database is none of Amiko's: it holds other tables")


def _schema(version: int) -> set[str]:
    """The names of all that a database of that version consists of: no trigger, no view."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for migration in scripts()[:version]:
            connection.executescript(migration.read_text(encoding="utf-8"))
        return _names(connection)


def _names(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return {name if kind == "table" else f"{kind} {name}" for kind, name in rows}


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _member(path: Path) -> Member:
    with path.open("rb") as file:
        return Member(bytes=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())
