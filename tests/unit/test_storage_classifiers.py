import errno
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import ClassifierError, InputError, StorageError
from storage.classifiers import ClassifierStore, StoredClassifier, StoredTraining
from storage.database import Database
from storage.files import write_whole

ROW = StoredClassifier(
    store="spb-1", version=1, created_at=5.0, encoder="tests@0", sha256="", kept=True, reason="better",
    scores={"challenger": {"accuracy": 0.5}}, current=False, used_at=None,
)  # fmt: skip


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(tmp_path / "amiko.db") as opened:
        yield opened


@pytest.fixture
def classifiers(database: Database, tmp_path: Path) -> ClassifierStore:
    return ClassifierStore(database, tmp_path / "classifiers")


async def add(classifiers: ClassifierStore, version: int, *, promote: bool = True, keep: int = 5) -> None:
    await classifiers.add(replace(ROW, version=version), f"file {version}".encode(), promote=promote, keep=keep)


async def test_the_promoted_one_is_current(classifiers: ClassifierStore) -> None:
    assert await classifiers.current("spb-1") is None
    assert await classifiers.next_version("spb-1") == 1
    await add(classifiers, 1)
    await add(classifiers, 2, promote=False)
    current = await classifiers.current("spb-1")
    assert current is not None
    assert current[0] == 1
    assert await classifiers.file("spb-1", 1) == b"file 1"
    assert await classifiers.next_version("spb-1") == 3
    assert await classifiers.current("msk-1") is None
    newest, first = await classifiers.versions("spb-1")
    assert (newest.current, newest.used_at, first.current, first.used_at) == (False, None, True, 5.0)
    assert first.scores == ROW.scores


async def test_rollback_goes_further_back_each_time(classifiers: ClassifierStore) -> None:
    for version, promoted in ((1, True), (2, True), (3, False), (4, True), (5, False)):
        await add(classifiers, version, promote=promoted)
    assert await classifiers.rollback("spb-1", 9.0) == 2
    assert await classifiers.rollback("spb-1", 9.0) == 1
    with pytest.raises(InputError, match="no earlier"):
        await classifiers.rollback("spb-1", 9.0)
    await classifiers.promote("spb-1", 5, 10.0)
    current = await classifiers.current("spb-1")
    assert current is not None
    assert current[0] == 5


async def test_rollback_skips_a_damaged_file(classifiers: ClassifierStore) -> None:
    for version in (1, 2, 3):
        await add(classifiers, version)
    classifiers.path("spb-1", 2).write_bytes(b"something else")
    assert await classifiers.rollback("spb-1", 9.0) == 1


async def test_a_damaged_or_missing_file_is_refused(classifiers: ClassifierStore) -> None:
    await add(classifiers, 1)
    await add(classifiers, 2)
    classifiers.path("spb-1", 1).write_bytes(b"file 1, but longer")
    classifiers.path("spb-1", 2).unlink()
    for version in (1, 2, 3):
        with pytest.raises(ClassifierError):
            await classifiers.promote("spb-1", version, 9.0)
    current = await classifiers.current("spb-1")
    assert current is not None
    assert current[0] == 2


async def test_old_files_go_and_their_figures_stay(classifiers: ClassifierStore) -> None:
    for version in range(1, 6):
        await add(classifiers, version, keep=2)
    for version in range(6, 10):
        await add(classifiers, version, promote=False, keep=2)
    versions = await classifiers.versions("spb-1")
    assert [one.version for one in versions if one.kept] == [9, 8, 5, 4, 3]
    assert len(versions) == 9
    files = sorted(path.name for path in classifiers.path("spb-1", 1).parent.iterdir())
    assert files == [f"{version}.safetensors" for version in (3, 4, 5, 8, 9)]


async def test_a_full_disk_changes_nothing(classifiers: ClassifierStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(classifiers, 1)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("storage.files.os.fsync", full)
    with pytest.raises(StorageError, match=r"No space left.*Make room"):
        await add(classifiers, 2)
    assert [one.version for one in await classifiers.versions("spb-1")] == [1]
    assert [path.name for path in classifiers.path("spb-1", 1).parent.iterdir()] == ["1.safetensors"]


def test_what_a_killed_training_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".1.safetensors.abc.part").write_bytes(b"half")
    write_whole(tmp_path / "1.safetensors", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["1.safetensors"]


async def test_a_file_that_no_row_names_is_written_over(classifiers: ClassifierStore) -> None:
    """A training killed between file and row: the next one takes the same number."""
    write_whole(classifiers.path("spb-1", 1), b"orphan")
    await add(classifiers, await classifiers.next_version("spb-1"))
    assert await classifiers.file("spb-1", 1) == b"file 1"


async def test_trainings_are_noted(classifiers: ClassifierStore) -> None:
    assert await classifiers.last_due("spb-1") is None
    await classifiers.note(StoredTraining(store="spb-1", at=1.0, due=0.5, outcome="done"))
    await classifiers.note(StoredTraining(store="spb-1", at=2.0, due=None, outcome="asked for"))
    assert await classifiers.last_due("spb-1") == 0.5
    assert [one.outcome for one in await classifiers.trainings("spb-1")] == ["asked for", "done"]
