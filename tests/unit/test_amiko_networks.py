"""Which networks `amiko networks pull --settings` asks a hub for."""

from pathlib import Path

import pytest

from amiko import networks


@pytest.mark.parametrize(
    ("detector", "encoder", "asked"),
    [
        ("yolox-nano", "openai/clip-vit-base-patch32", ["openai/clip-vit-base-patch32"]),
        ("owner/finds-people", "openai/clip", ["owner/finds-people", "openai/clip"]),
        ("finds.pt", "FOLDER", []),
        ("/away/finds-people", "efficientnet-lite0", []),
    ],
)
def test_what_is_on_this_machine_is_not_asked_for(
    tmp_path: Path, detector: str, encoder: str, asked: list[str]
) -> None:
    (tmp_path / "clip").mkdir()
    settings = tmp_path / "stores.yaml"
    settings.write_text(
        f"telegram: {{token: '1:a'}}\nnetworks: {{detector: {detector}, encoder: {encoder}}}\n".replace(
            "FOLDER", str(tmp_path / "clip")
        )
        + "stores: [{id: a, name: A, departments: [Toys]}]\n"
    )
    assert [network.checkpoint for network in networks._of_a_hub(settings)] == asked
