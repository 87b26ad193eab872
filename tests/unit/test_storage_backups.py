"""Backups: made while others write, put back whole or not at all, and nothing foreign comes in."""

import asyncio
import hashlib
import io
import os
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from domain.errors import InputError, StorageError
from storage import backups
from storage.backups import Manifest, Member
from storage.classifiers import ClassifierStore, StoredClassifier
from storage.database import Database, scripts
from tests.support import disks

INSERT = "INSERT INTO visits (id, store, camera, at) VALUES (?, 's', 'c', 0)"
NEWEST = len(scripts())


async def fill(home: Path, visits: int = 3) -> None:
    async with Database.open(home / "amiko.db") as database:
        async with database.transaction() as connection:
            for number in range(visits):
                await connection.execute(INSERT, (str(number),))
        classifiers = ClassifierStore(database, home / "classifiers")
        await classifiers.add(classifier(1), b"weights" * 100, promote=True, keep=5)
        classifiers.cold_path("s").write_bytes(b"texts")


def classifier(version: int) -> StoredClassifier:
    return StoredClassifier(
        store="s", version=version, created_at=1.0, encoder="e@1", sha256="", kept=True, reason="", scores={},
        current=False, used_at=None,
    )  # fmt: skip


def ids(home: Path) -> set[str]:
    with closing(sqlite3.connect(home / "amiko.db")) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM visits")}


def restore(archive: Path, home: Path) -> Manifest:
    with backups.unpacked(archive, home) as (manifest, folder):
        asyncio.run(backups.bring_up_to_date(folder))
        backups.put_back(folder, home)
    return manifest


def everything(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_what_was_backed_up_comes_back(tmp_path: Path, home: Path) -> None:
    asyncio.run(fill(home))
    archive = tmp_path / "b.tar"
    made = backups.make(home, archive, release="1.2")
    assert (made.schema_version, made.release, made.missing) == (NEWEST, "1.2", [])
    assert archive.stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other"
    assert restore(archive, other) == made
    assert ids(other) == {"0", "1", "2"}
    assert {name: data for name, data in everything(other).items() if "classifiers" in name} == {
        "classifiers/s/1.safetensors": b"weights" * 100,
        "classifiers/s/cold-start.safetensors": b"texts",
    }
    # over what is there now: as it was, nothing beside
    asyncio.run(fill_more(other))
    restore(archive, other)
    assert ids(other) == {"0", "1", "2"}
    assert set(everything(other)) == {
        "amiko.db", "classifiers/s/1.safetensors", "classifiers/s/cold-start.safetensors",
    }  # fmt: skip


async def fill_more(home: Path) -> None:
    async with Database.open(home / "amiko.db") as database:
        async with database.transaction() as connection:
            await connection.execute(INSERT, ("later",))
        await ClassifierStore(database, home / "classifiers").add(classifier(2), b"two", promote=True, keep=5)


async def test_a_backup_under_writes_holds_all_that_was_acknowledged_before_it(tmp_path: Path, home: Path) -> None:
    await fill(home)
    acknowledged: list[str] = []
    stopped = asyncio.Event()

    async def write() -> None:
        async with Database.open(home / "amiko.db") as database:
            while not stopped.is_set():
                name = f"w{len(acknowledged)}"
                async with database.transaction() as connection:
                    # two rows a transaction: never one without the other
                    await connection.execute(INSERT, (name,))
                    await connection.execute(INSERT, (name + "'",))
                acknowledged.append(name)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        for number in range(5):
            while len(acknowledged) < 10 * (number + 1):  # noqa: ASYNC110 - the writer has the loop in between
                await asyncio.sleep(0)
            before = set(acknowledged)
            archive = tmp_path / f"{number}.tar"
            await asyncio.to_thread(backups.make, home, archive, release="1")
            other = tmp_path / f"other{number}"
            await asyncio.to_thread(restore, archive, other)
            there = ids(other)
            assert before <= there
            assert all(one + "'" in there for one in there if one.startswith("w") and not one.endswith("'"))
        stopped.set()


def test_a_stopped_systems_folder_is_backed_up_too(tmp_path: Path, home: Path) -> None:
    asyncio.run(fill(home))
    assert not (home / "amiko.db-wal").exists()
    backups.make(home, tmp_path / "b.tar", release="1")
    assert {path.name for path in tmp_path.iterdir()} == {"home", "b.tar"}


def test_nothing_to_back_up_is_told(tmp_path: Path, home: Path) -> None:
    with pytest.raises(InputError, match="no database to back up"):
        backups.make(home, tmp_path / "b.tar", release="1")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_classifier_is_named_and_left_out(tmp_path: Path, home: Path) -> None:
    asyncio.run(fill(home))
    (home / "classifiers" / "s" / "1.safetensors").write_bytes(b"rotten")
    made = backups.make(home, tmp_path / "b.tar", release="1")
    assert made.missing == ["classifiers/s/1.safetensors"]
    restore(tmp_path / "b.tar", tmp_path / "other")


def test_deleted_rows_are_not_in_a_backup(tmp_path: Path, home: Path) -> None:
    asyncio.run(fill(home))
    with closing(sqlite3.connect(home / "amiko.db")) as connection:
        connection.execute(INSERT, ("a-name-that-was-deleted" * 50,))
        connection.commit()
        connection.execute("DELETE FROM visits WHERE id LIKE 'a-name%'")
        connection.commit()
        backups.make(home, tmp_path / "b.tar", release="1")
    assert b"a-name-that-was-deleted" not in (tmp_path / "b.tar").read_bytes()


def test_an_older_releases_backup_is_brought_up_to_date(tmp_path: Path, home: Path) -> None:
    home.mkdir()
    with closing(sqlite3.connect(home / "amiko.db")) as old:
        old.executescript(scripts()[0].read_text() + "PRAGMA user_version = 1;")
        old.execute(INSERT, ("old",))
        old.commit()
    assert backups.make(home, tmp_path / "b.tar", release="0.0").schema_version == 1
    other = tmp_path / "other"
    restore(tmp_path / "b.tar", other)
    assert ids(other) == {"old"}
    assert set(everything(other)) == {"amiko.db"}


def test_a_folder_in_use_is_refused(tmp_path: Path, home: Path) -> None:
    asyncio.run(fill(home))
    backups.make(home, tmp_path / "b.tar", release="1")

    async def attempt() -> None:
        async with Database.open(home / "amiko.db") as database:
            await database.read("SELECT 1 FROM visits")
            with pytest.raises(InputError, match="amiko stop"):
                await asyncio.to_thread(restore, tmp_path / "b.tar", home)
            async with database.transaction() as connection:
                await connection.execute(INSERT, ("goes on",))

    asyncio.run(attempt())
    assert "goes on" in ids(home)


def test_a_restore_that_fails_in_the_middle_leaves_all_as_it_was(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(fill(home))
    backups.make(home, tmp_path / "b.tar", release="1")
    asyncio.run(fill_more(home))
    before = everything(home)
    replace, calls = Path.replace, []

    def fail_once(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    with pytest.raises(StorageError, match="nothing was changed"):
        restore(tmp_path / "b.tar", home)
    after = everything(home)
    # the database's first page says in which mode it was opened last
    assert {**after, "amiko.db": b""} == {**before, "amiko.db": b""}
    assert "later" in ids(home)


def test_a_full_disk_changes_nothing(tmp_path: Path, home: Path, small_disk: Path) -> None:
    asyncio.run(fill(home))
    backups.make(home, tmp_path / "b.tar", release="1")
    other = small_disk / "home"
    asyncio.run(fill_more(other))
    ballast = disks.fill(small_disk)
    with pytest.raises(StorageError, match=r"No space left|full"):
        backups.make(home, small_disk / "c.tar", release="1")
    before = everything(other)
    with pytest.raises(StorageError, match=r"No space left.*nothing was changed"):
        restore(tmp_path / "b.tar", other)
    assert everything(other) == before
    assert {path.name for path in small_disk.iterdir()} == {"home", "ballast"}
    ballast.unlink()
    restore(tmp_path / "b.tar", other)
    assert ids(other) == {"0", "1", "2"}


async def test_what_runs_on_a_full_disk_is_backed_up_to_another(tmp_path: Path, small_disk: Path) -> None:
    home = small_disk / "home"
    await fill(home)
    async with Database.open(home / "amiko.db") as database:
        await database.read("SELECT 1 FROM visits")
        disks.fill(small_disk)
        await asyncio.to_thread(backups.make, home, tmp_path / "b.tar", release="1")
    await asyncio.to_thread(restore, tmp_path / "b.tar", tmp_path / "other")
    assert ids(tmp_path / "other") == {"0", "1", "2"}


def test_a_restore_that_was_killed_in_the_middle_is_told_and_done_again(tmp_path: Path, home: Path) -> None:
    asyncio.run(fill(home))
    backups.make(home, tmp_path / "b.tar", release="1")
    # as it is between the two renames
    (home / ".restore-x" / "old").mkdir(parents=True)
    (home / "amiko.db").rename(home / ".restore-x" / "old" / "amiko.db")
    (home / "restoring").touch()
    with pytest.raises(StorageError, match="do it again: amiko restore"):
        asyncio.run(fill(home))
    restore(tmp_path / "b.tar", home)
    assert ids(home) == {"0", "1", "2"}
    assert not list(home.glob(".restore-*"))
    asyncio.run(fill_more(home))


# -- archives that are none, damaged, or want to write elsewhere ------------------------------------------


def member(data: bytes) -> Member:
    return Member(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def archive(
    files: dict[str, bytes],
    *,
    schema: int = NEWEST,
    entries: dict[str, tarfile.TarInfo] | None = None,
    again: str | None = None,
) -> bytes:
    manifest = Manifest(
        made_at=0, release="9.9", schema_version=schema, missing=[],
        files={name: member(data) for name, data in files.items()},
    )  # fmt: skip
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        twice = [(again, files[again])] if again else []
        for name, data in [("manifest.json", manifest.model_dump_json().encode()), *files.items(), *twice]:
            entry = (entries or {}).get(name) or tarfile.TarInfo(name)
            entry.size = len(data) if entry.isreg() else 0
            tar.addfile(entry, io.BytesIO(data) if entry.isreg() else None)
    return written.getvalue()


def link(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return entry


def database(*content: str, version: int = NEWEST) -> bytes:
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in content or [path.read_text() for path in scripts()]:
            connection.executescript(script)
        connection.execute(f"PRAGMA user_version = {version}")
        return connection.serialize()


GOOD = database()
TRIGGER = [*(path.read_text() for path in scripts()),
           "CREATE TRIGGER t AFTER INSERT ON visits BEGIN DELETE FROM samples; END"]  # fmt: skip

FOREIGN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "no backup"),
    "random bytes": (lambda: os.urandom(5000), "no backup"),
    "another tar": (lambda: archive({})[1024:], "no backup"),
    "no database": (lambda: archive({"classifiers/s/1.safetensors": b"x"}), "no database"),
    "a newer one": (lambda: archive({"amiko.db": GOOD}, schema=NEWEST + 1), r"newer Amiko \(9.9, schema"),
    "upwards": (lambda: archive({"amiko.db": GOOD, "../evil": b"x"}), "no business"),
    "upwards within": (lambda: archive({"amiko.db": GOOD, "classifiers/../../evil.safetensors": b"x"}), "no business"),
    "absolute": (lambda: archive({"amiko.db": GOOD, "/tmp/evil": b"x"}), "no business"),
    "ray's token": (lambda: archive({"amiko.db": GOOD, "ray-token": b"x"}), "no business"),
    "a link": (lambda: archive({"amiko.db": GOOD}, entries={"amiko.db": link("amiko.db")}), "no business"),
    "twice": (lambda: archive({"amiko.db": GOOD}, again="amiko.db"), "no business"),
    "a database that is none": (lambda: archive({"amiko.db": b"x" * 8192}), "damaged"),
    "other tables": (lambda: archive({"amiko.db": database("CREATE TABLE a (b)")}), "other tables"),
    "a trigger": (lambda: archive({"amiko.db": database(*TRIGGER)}), "other tables"),
    "another version inside": (lambda: archive({"amiko.db": database(version=1)}), "other tables"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_no_backup_changes_nothing(what: str, tmp_path: Path, home: Path) -> None:
    asyncio.run(fill(home))
    before = everything(home)
    made, told = FOREIGN[what]
    (tmp_path / "b.tar").write_bytes(made())
    with pytest.raises(InputError, match=told):
        restore(tmp_path / "b.tar", home)
    assert everything(home) == before
    assert {path.name for path in tmp_path.iterdir()} == {"home", "b.tar"}


def test_any_damage_is_noticed(tmp_path: Path, home: Path) -> None:
    asyncio.run(fill(home))
    backups.make(home, tmp_path / "b.tar", release="1")
    before, whole = everything(home), (tmp_path / "b.tar").read_bytes()
    content = backups.make(home, tmp_path / "c.tar", release="1")
    used = sum(512 + (one.bytes + 511) // 512 * 512 for one in content.files.values())
    for place in range(700, used, used // 40):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "b.tar").write_bytes(bytes(damaged))
        # a byte of padding is nobody's
        assert is_refused(tmp_path / "b.tar", home) or whole[place] == 0
    for length in range(0, used, used // 20):
        (tmp_path / "b.tar").write_bytes(whole[:length])
        assert is_refused(tmp_path / "b.tar", home)
    assert everything(home) == before


def is_refused(archive: Path, home: Path) -> bool:
    try:
        with backups.unpacked(archive, home):
            return False
    except InputError as error:
        return "b.tar" in str(error)
