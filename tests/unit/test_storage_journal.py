from pathlib import Path

import pytest

from domain.errors import StorageError
from domain.records import Visit
from storage.journal import Journal, forget_before


def visit(name: str, at: float = 1.0, camera: str = "door") -> Visit:
    return Visit(id=name, store="s", camera=camera, at=at, card=b"a picture")


def waiting(journal: Journal) -> list[str]:
    return [one.id for one in journal.pending()]


def test_what_was_not_told_is_there_the_oldest_first_and_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "node" / "journal.db", store="s", camera="door")
    for one in (visit("b", 2.0), visit("a", 1.0), visit("b", 2.0)):
        journal.add(one)
    assert waiting(journal) == ["a", "b"]
    journal.remove("a")
    journal.remove("never there")
    # another process, after a kill
    assert waiting(Journal(tmp_path / "node" / "journal.db", store="s", camera="door")) == ["b"]


def test_cameras_of_a_node_share_the_file_and_see_their_own(tmp_path: Path) -> None:
    door, yard = (Journal(tmp_path / "journal.db", store="s", camera=camera) for camera in ("door", "yard"))
    door.add(visit("a"))
    yard.add(visit("b", camera="yard"))
    assert (waiting(door), waiting(yard)) == (["a"], ["b"])


def test_no_picture_is_in_it_and_what_was_told_leaves_no_trace(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db", store="s", camera="door")
    journal.add(visit("a-visitor-of-today"))
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"a-visitor-of-today" in content
    assert b"a picture" not in content
    journal.remove("a-visitor-of-today")
    assert b"a-visitor-of-today" not in (tmp_path / "journal.db").read_bytes()


def test_what_is_too_old_goes_whatever_camera_it_is_of(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    forget_before(path, 5.0)
    assert not path.exists()
    door, gone = (Journal(path, store="s", camera=camera) for camera in ("door", "gone"))
    door.add(visit("new", 9.0))
    gone.add(visit("old", 1.0, camera="gone"))
    forget_before(path, 5.0)
    assert (waiting(door), waiting(gone)) == (["new"], [])


def test_a_file_that_is_no_journal_is_told_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match=r"journal\.db.*move it away"):
        Journal(path, store="s", camera="door")
    with pytest.raises(StorageError, match="too old"):
        forget_before(path, 5.0)
