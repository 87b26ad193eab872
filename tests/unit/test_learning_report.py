import io
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

from domain.errors import InputError, StorageError
from domain.settings import SampleWeights
from learning.challenge import FIGURES, challenge
from learning.data import table
from learning.report import Version, overview, versions_of, write_html
from learning.suspicion import Suspicion
from tests.support.embeddings import DEPARTMENTS, visitors


@pytest.fixture(scope="module")
def version() -> Version:
    figures = challenge(table(visitors(180, days=6)), DEPARTMENTS, None, SampleWeights()).figures
    odd = Suspicion(source="<camera>", day="2026-11-03", count=9, agreement=0.1, usual=0.9)
    return Version(version=2, created_at=1.7e9, used=True, figures=replace(figures, suspicions=[odd]))


def test_one_file_tells_all_and_links_nowhere(version: Version, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_html(path, "Shop <1> & sons", [version, replace(version, version=1, used=False)])
    text = path.read_text(encoding="utf-8")
    assert "Shop &lt;1&gt; &amp; sons" in text
    assert "&lt;camera&gt;" in text
    assert "<camera>" not in text
    assert text.count("data:image/png;base64,") == 5
    assert "http" not in text
    assert f"{version.figures.challenger.accuracy:.1%}" in text


def test_one_picture_for_a_chat(version: Version) -> None:
    picture = PIL.Image.open(io.BytesIO(overview([version], "ru")))
    assert picture.format == "PNG"
    assert min(picture.size) > 600


def test_versions_made_otherwise_are_left_out(version: Version) -> None:
    figures = FIGURES.dump_python(version.figures, mode="json")
    found = versions_of([(3, 1.0, True, {}), (2, 1.0, True, figures), (1, 1.0, False, None)])
    assert [one.version for one in found] == [2]
    assert found[0].figures == version.figures


def test_nothing_to_tell_of_yet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="amiko train"):
        overview([], "ru")
    with pytest.raises(InputError, match="amiko train"):
        write_html(tmp_path / "report.html", "shop", [])


def test_a_report_that_can_not_be_written(version: Version, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="--report"):
        write_html(tmp_path / "missing" / "report.html", "shop", [version])
