"""Folders of labelled pictures, and recordings of a department, become samples."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress

from amiko.console import err
from domain.errors import InputError, SourceError
from domain.places import DATABASE, home
from domain.records import Embedding, Image, Origin, Sample
from domain.settings import Camera, Networks, Store
from learning.pictures import decode
from networks.detector import Detector, load_detector
from networks.encoder import Encoder, load_encoder
from storage import samples
from storage.database import Database
from vision.capture import Capture, SourceEndedError
from vision.crops import BestCrop
from vision.picture import letterbox
from vision.watcher import SeenKind, Watcher

#: File names that are not looked into: what systems and cameras leave beside pictures.
SKIPPED = {".txt", ".md", ".csv", ".json", ".xml", ".yaml", ".yml", ".html", ".ini", ".db", ".pdf", ".zip"}
#: How sure the detector must be that a picture shows a person, 0 to 1.
PERSON = 0.4
#: The detector's input, pixels.
SIZE = 640
#: Pictures stored at a time: what a stop in the middle loses.
TOGETHER = 32
#: Seconds that a recording may take for one frame.
PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """A picture's file and what it is said to show."""

    path: Path
    department: str


@dataclass(slots=True)
class Imported:
    """What became of an import."""

    #: New samples by department.
    new: dict[str, int] = field(default_factory=dict)
    #: Those that were there already; their label is now the one given.
    known: int = 0
    #: Files that gave no sample, and why.
    skipped: list[str] = field(default_factory=list)

    def count(self, department: str, new: int, of: int) -> None:
        self.new[department] = self.new.get(department, 0) + new
        self.known += of - new


def pictures(source: Path, department: str | None, store: Store) -> list[Labelled]:
    """The files under a folder: all of one department, or those of a folder of folders named as departments.

    Raises InputError where there is nothing, or a department that the store does not have.
    """
    if department is not None:
        _check(department, store)
        found = [Labelled(path=path, department=department) for path in _files(source)]
    else:
        folders = sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))
        if not folders:
            raise InputError(f"{source}: say with --department what it shows, or give a folder of folders named so")
        for folder in folders:
            _check(folder.name, store)
        found = [Labelled(path=path, department=folder.name) for folder in folders for path in _files(folder)]
    if not found:
        raise InputError(f"{source}: no pictures in that folder; it needs .jpg or .png files")
    return found


def import_all(
    source: Path, department: str | None, store: Store, networks: Networks, *, day: str, whole: bool
) -> Imported:
    """A folder or a recording into the store's samples, with a progress bar on a terminal.

    `day`: when they were taken, `YYYY-MM-DD`. `whole`: pictures as they are, not the person in each.
    Raises InputError, SourceError, NetworksError, StorageError.
    """
    recording = source.is_file()
    if recording and department is None:
        raise InputError(f"{source}: say with --department whose visitors the recording shows")
    files = [] if recording else pictures(source, department, store)

    async def run() -> Imported:
        async with Database.open(home() / DATABASE) as database:
            importer = Importer(database, store, networks, day=day, whole=whole)
            if department is not None and recording:
                await importer.add_recording(source, department)
            with Progress(console=err, disable=recording or not err.is_terminal) as progress:
                task = progress.add_task("pictures", total=len(files))
                for begin in range(0, len(files), TOGETHER):
                    some = files[begin : begin + TOGETHER]
                    await importer.add(some)
                    progress.advance(task, len(some))
            return importer.result

    return asyncio.run(run())


def _check(department: str, store: Store) -> None:
    if department not in store.departments:
        raise InputError(
            f"the store {store.id} has no department {department!r}; there are: {', '.join(store.departments)}"
        )


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in SKIPPED:
            yield path


class Importer:
    """Embeds pictures and recordings into one store's samples."""

    def __init__(self, database: Database, store: Store, networks: Networks, *, day: str, whole: bool) -> None:
        """`day`: when they were taken, `YYYY-MM-DD`. `whole`: the picture as it is, not the person in it."""
        self._database = database
        self._store = store
        self._day = day
        self._networks = networks
        self._encoder: Encoder = load_encoder(networks.encoder)
        self._detector: Detector | None = None if whole else load_detector(networks.detector)
        self.result = Imported()

    async def add(self, files: Sequence[Labelled]) -> None:
        """Up to TOGETHER pictures. What can't be used is noted and skipped."""
        contents: dict[str, tuple[Labelled, bytes]] = {}
        for file in files:
            try:
                content = file.path.read_bytes()
            except OSError as error:
                self.result.skipped.append(f"{file.path}: can't be read: {error.strerror}")
                continue
            contents[hashlib.sha256(content).hexdigest()] = (file, content)
        crops: list[tuple[str, str, Image]] = []
        for identity, (file, content) in contents.items():
            try:
                picture = decode(content, file.path)
                crops.append((identity, file.department, self._person(picture, file.path)))
            except InputError as error:
                self.result.skipped.append(str(error))
        embeddings = self._encoder.embed([crop for _, _, crop in crops])
        found = [
            self._sample(identity, department, embedding, group=identity)
            for (identity, department, _), embedding in zip(crops, embeddings, strict=True)
        ]
        await self._keep(found)

    async def add_recording(self, video: Path, department: str) -> None:
        """Each person who stays at a department's camera becomes a sample; no one else does.

        Raises SourceError where the recording can't be read, InputError for a department that isn't there.
        """
        _check(department, self._store)
        camera = Camera.model_validate(
            {"id": "import", "role": "department", "department": department, "source": str(video)}
        )
        identity = _sha256(video)
        found = [
            self._sample(f"{identity}/{track}", department, self._encoder.embed([crop])[0], group=f"{identity}/{track}")
            for track, crop in _who_stays(camera, video, self._detector or load_detector(self._networks.detector))
        ]
        if not found:
            self.result.skipped.append(f"{video}: nobody stays in it for {camera.dwell_s:g} seconds")
        await self._keep(found)

    async def _keep(self, found: Sequence[Sample]) -> None:
        for sample in found:
            new = await samples.insert_all(self._database, [sample])
            self.result.count(sample.department, new, 1)

    def _person(self, picture: Image, path: Path) -> Image:
        """The surest person in the picture, or all of it. Raises InputError where there is nobody."""
        if self._detector is None:
            return picture
        height, width = picture.shape[:2]
        small = letterbox(picture, (0, 0, width, height), SIZE)
        (people,) = self._detector.detect([small.image], PERSON)
        best = BestCrop()
        for person in people:
            best.offer(picture, small.to_frame(person.box), person.score, [])
        if best.image is None:
            raise InputError(f"{path}: no person is seen in it; --whole takes pictures as they are")
        return best.image

    def _sample(self, identity: str, department: str, embedding: Embedding, *, group: str) -> Sample:
        return Sample(
            id=identity,
            store=self._store.id,
            department=department,
            origin=Origin.IMPORT,
            camera=None,
            day=self._day,
            group=group,
            embedding=embedding,
        )


def _who_stays(camera: Camera, video: Path, detector: Detector) -> Iterator[tuple[int, Image]]:
    watcher = Watcher(camera)
    with Capture(str(video), paced=False) as capture:
        while True:
            try:
                frame = capture.read(PATIENCE_S)
            except SourceEndedError:
                return
            if frame is None:
                raise SourceError(f"{video}: gave no frame for {PATIENCE_S:g} seconds; convert it to H.264 (.mp4)")
            picture = watcher.look(frame)
            if picture is None:
                continue
            (people,) = detector.detect([picture.image], watcher.score)
            for seen in watcher.see(frame, picture, people):
                if seen.kind is SeenKind.SAMPLE and seen.crop is not None:
                    yield seen.track, seen.crop


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
