"""A settings file with one store."""

from pathlib import Path

from domain.settings import Settings
from domain.settings_file import read_settings

GOOD = """
telegram: {token: "${TOKEN}", admins: [1]}
stores:
  - id: spb-1
    name: "Амико, Невский"
    timezone: Europe/Moscow
    departments: [Appliances, Toys]
    cameras:
      - {id: door, role: entrance, source: "rtsp://user:secret@10.0.0.5/door",
         door: {line: [213, 148, 328, 148], inside: [270, 100]}}
      - {id: toys, role: department, department: Toys, source: 0}
"""
ENVIRONMENT = {"TOKEN": "123:abc"}


def read(tmp_path: Path, text: str, environment: dict[str, str] = ENVIRONMENT) -> Settings:
    path = tmp_path / "stores.yaml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path, environment)
