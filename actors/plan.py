"""What is to run, as it is handed to every actor."""

from dataclasses import dataclass
from pathlib import Path

from domain.settings import Settings

#: The database's name in the data folder.
DATABASE = "amiko.db"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to run: the same for an actor that comes back after a kill."""

    settings: Settings
    home: Path
    #: Names this run of the system; see `CameraWorker`.
    run: str
    #: How recordings are played; cameras know neither.
    paced: bool = True
    loop: bool = False
