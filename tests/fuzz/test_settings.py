"""Settings of any shape: read, or refused with lines for people that show no secret."""

import copy
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import tried

from domain.errors import SettingsError
from domain.settings import Settings
from domain.settings_file import read_settings

GOOD: dict[str, Any] = yaml.safe_load(
    """
telegram: {token: "1:GEHEIM", bots: {north: {token: "2:GEHEIM"}}, admins: [1], api_url: "http://127.0.0.1:1"}
networks: {detector: yolox-nano, encoder: {checkpoint: efficientnet-lite0, device: cpu}, scaling: {detector: {}}}
training: {at: "10:31", weights: {import: 2}}
stores:
  - id: spb-1
    name: Невский
    timezone: Europe/Moscow
    departments: [Appliances, Toys]
    prompts: {Toys: [a toy]}
    department_names: {Toys: {ru: Игрушки}}
    cameras:
      - {id: door, role: entrance, source: "rtsp://user:GEHEIM@10.0.0.5/door", fps: 5, region: [0, 0, 9, 9],
         door: {line: [213, 148, 328, 148], inside: [270, 100]}}
      - {id: toys, role: department, department: Toys, source: 0}
"""
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates() | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


def places(value: object, way: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The way to each value."""
    found = [way] if way else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += places(inner, (*way, key))
    return found


PLACES = places(GOOD)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    for way in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3)):
        place: Any = document
        try:
            for key in way[:-1]:
                place = place[key]
            match draw(st.sampled_from(["drop", "replace", "add"])):
                case "drop":
                    del place[way[-1]]
                case "replace":
                    place[way[-1]] = draw(ANYTHING)
                case "add":
                    place[draw(st.text(max_size=5) | st.integers() | st.none())] = draw(ANYTHING)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # what it led through was damaged before
    return document


@tried(60)
@given(document=damaged())
def test_damaged_settings_are_read_or_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "stores.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8", errors="replace")
    try:
        assert isinstance(read_settings(path, {}), Settings)
    except SettingsError as error:
        assert "GEHEIM" not in str(error)
        assert all(line.startswith(str(path)) for line in str(error).splitlines())


BOMB = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x]"]
    + [f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in pairwise("abcdefghijkl")]
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "telegram: &a [*a]",
        "telegram: &a {b: *a}",
        "[" * 5000,
        "{a: " * 3000 + "}" * 3000,
        "a: " + "[" * 400 + "]" * 400,
        "? [1, 2]\n: x",
        "? {a: 1}\n: x",
        "!!python/object/apply:os.system ['touch /tmp/pwned']",
        "a: !!timestamp nonsense",
        "a: 2026-99-99",
        "a: !!float nonsense",
        "\x00",
        "a: " + "9" * 5000,
        "<<: [1]",
    ],
    ids=range(15),
)
def test_what_is_made_to_hurt_is_refused_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "stores.yaml"
    path.write_text(text, encoding="utf-8")
    begin = time.process_time()
    with pytest.raises(SettingsError) as caught:
        read_settings(path, {})
    assert time.process_time() - begin < 20, "seconds of work, where the bomb would take years"
    assert len(str(caught.value)) < 2000
