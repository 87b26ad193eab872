"""Folders of pictures become samples, whatever lies in them."""

import asyncio
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from amiko.importing import import_all, pictures
from domain.errors import InputError
from domain.places import home
from domain.records import Origin, SampleTable
from domain.settings import Networks, Store
from storage import samples
from storage.database import Database
from tests.support.embeddings import visitors
from tests.support.inside import amiko

NETWORKS = Networks()
STORE = Store(id="spb-1", name="Nevsky", departments=["Toys", "Cars"])
DAY = "2026-11-01"


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (12, 8, 3), np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(noise, (80, 120)))
    return path


def stored() -> SampleTable:
    async def read() -> SampleTable:
        async with Database.open(home() / "amiko.db") as database:
            (encoder,) = await samples.encoders(database, STORE.id)
            return await samples.table(database, STORE.id, encoder)

    return asyncio.run(read())


def test_a_folder_of_one_department(weights: None, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for number in range(3):
        picture(folder / "deep" / f"{number}.png", number)
    shutil.copy(folder / "deep" / "1.png", folder / "a copy of 1.png")
    (folder / "empty.jpg").touch()
    (folder / "words.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("left alone")
    result = import_all(folder, "Toys", STORE, NETWORKS, day=DAY, whole=True)
    assert result.new == {"Toys": 3}
    assert sorted(Path(line.split(":")[0]).name for line in result.skipped) == ["empty.jpg", "words.jpg"]
    table = stored()
    assert set(table.departments) == {"Toys"}
    assert set(table.days) == {DAY}
    assert set(table.origins) == {Origin.IMPORT}
    assert len(set(table.groups)) == 3
    # once more: nothing new
    again = import_all(folder, "Toys", STORE, NETWORKS, day=DAY, whole=True)
    assert (again.new["Toys"], again.known) == (0, 3)
    # and under another department: the later word counts
    import_all(folder, "Cars", STORE, NETWORKS, day=DAY, whole=True)
    assert set(stored().departments) == {"Cars"}


def test_a_folder_of_folders(weights: None, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    picture(folder / "Toys" / "1.png", 1)
    picture(folder / "Cars" / "2.png", 2)
    assert import_all(folder, None, STORE, NETWORKS, day=DAY, whole=True).new == {"Cars": 1, "Toys": 1}


def test_the_person_is_cut_out_and_pictures_without_one_are_named(weights: None, tmp_path: Path) -> None:
    from skimage import data

    folder = tmp_path / "pictures"
    picture(folder / "nobody.png")
    cv2.imwrite(str(folder / "astronaut.png"), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))
    result = import_all(folder, "Toys", STORE, NETWORKS, day=DAY, whole=False)
    assert result.new == {"Toys": 1}
    (line,) = result.skipped
    assert "nobody.png" in line
    assert "--whole" in line


def test_what_can_not_be_meant_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    with pytest.raises(InputError, match="no pictures"):
        pictures(folder, "Toys", STORE)
    with pytest.raises(InputError, match="--department"):
        pictures(folder, None, STORE)
    picture(folder / "Books" / "1.png")
    with pytest.raises(InputError, match=r"Books.*Toys, Cars"):
        pictures(folder, None, STORE)
    with pytest.raises(InputError, match=r"Books.*Toys, Cars"):
        pictures(folder, "Books", STORE)
    with pytest.raises(InputError, match="--department"):
        import_all(folder / "Books" / "1.png", None, STORE, NETWORKS, day=DAY, whole=True)


def test_who_stays_in_a_recording_becomes_a_sample(weights: None, footage: Path) -> None:
    (video,) = (footage / "one_by_one").glob("*.mp4")
    result = import_all(video, "Toys", STORE, NETWORKS, day=DAY, whole=False)
    assert 4 <= result.new["Toys"] <= 7
    table = stored()
    assert len(set(table.groups)) == len(table)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "stores.yaml"
    path.write_text("telegram: {token: '1:a'}\nstores: [{id: spb-1, name: N, departments: [Toys, Cars]}]\n")
    return path


def test_nothing_is_forgotten_before_somebody_said_yes(settings: Path) -> None:
    async def fill() -> None:
        async with Database.open(home() / "amiko.db") as database:
            await samples.insert_all(database, visitors(5))

    asyncio.run(fill())
    asked = amiko("samples", "forget", "--settings", str(settings))
    assert asked.returncode == 1
    assert len(stored()) == 5
    done = amiko("samples", "forget", "--settings", str(settings), "--yes", "--json")
    assert (done.returncode, '"forgotten": 5' in done.stdout) == (0, True)


def test_an_import_that_brought_nothing_has_failed(weights: None, settings: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "words.jpg").write_text("no picture")
    ended = amiko("samples", "import", str(folder), "--department", "Toys", "--whole", "--settings", str(settings))
    assert (ended.returncode, "none of its 1 files could be used" in ended.stderr) == (2, True)
