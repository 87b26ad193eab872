"""What things cost, in counts that are the same on every machine: a limit that is crossed here is crossed in a shop."""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from actors.registry import AssistantRegistry
from amiko import madeup
from benchmarks.original_loop import Counting, camera_alone, classifier_of_noise
from domain.records import AssistantState, Detection, Embedding, Frame, Image, Prediction, Ranked, Visit
from domain.settings import Camera, Settings, Store, Telegram
from networks import jpeg
from networks.detector import load_detector
from networks.encoder import load_encoder
from storage import assistants
from storage.database import Database
from vision.watcher import Watcher

#: Tells which packages from outside were imported, by the names of their folders.
PACKAGES = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
files = {name.partition(".")[0] for name, module in sorted(sys.modules.items())
         if "-packages" in (getattr(module, "__file__", None) or "")}
print(json.dumps(sorted(files)))
"""
#: What every process of ours may have beside Ray: settings, sealing, retries.
OURS = frozenset({"pydantic", "pydantic_core", "annotated_types", "typing_inspection", "yaml", "platformdirs",
                  "cryptography", "_cffi_backend", "tenacity", "psutil", "numpy"})  # fmt: skip
#: What each costs: ray.serve 50 MB and half a second in each process, torch 120 MB and a second.
ALLOWED: dict[str, tuple[str, AbstractSet[str]]] = {
    # to ask Serve's replicas a process needs Serve's handles
    "actors.camera_actor": ("ray.serve", OURS | {"cv2", "PIL"}),
    "actors.trainer": ("ray.serve", OURS | {"aiosqlite", "safetensors"}),
    "actors.registry_actor": ("ray", OURS | {"aiosqlite"}),
    "actors.stores": ("ray", OURS | {"aiosqlite"}),
    "actors.dispatcher": (
        "ray",
        OURS | {"telegram", "httpx", "httpcore", "h11", "anyio", "sniffio", "aiolimiter", "babel", "pytz",
                "markupsafe", "rich", "pygments", "click"},
    ),
}  # fmt: skip


#: In no actor's process.
HEAVY = frozenset({"torch", "transformers", "sklearn", "scipy", "matplotlib", "onnxruntime", "onnx", "av", "skimage"})


def packages(*modules: str) -> set[str]:
    """Those that a fresh process has once it has imported the modules."""
    done = subprocess.run([sys.executable, "-c", PACKAGES, *modules], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def brought() -> dict[str, set[str]]:
    """What Ray alone brings; it differs from release to release."""
    return {"": packages("site"), "ray": packages("ray"), "ray.serve": packages("ray.serve")}


@pytest.mark.parametrize("module", ALLOWED)
def test_an_actors_process_imports_what_it_needs(module: str, brought: dict[str, set[str]]) -> None:
    by, allowed = ALLOWED[module]
    found = packages(module)
    assert found - brought[""] - brought[by] - allowed == set()
    # whatever Ray brings, or somebody has allowed
    assert not HEAVY & found


def test_help_waits_for_the_command_lines_own_library_alone(brought: dict[str, set[str]]) -> None:
    # 0.15 s of CPU in all; pydantic alone would double that
    names = packages("typer", "rich.markdown", "rich.traceback", "platformdirs")
    assert packages("amiko.cli", "typer.rich_utils") - brought[""] - names == set()


# -- a camera -------------------------------------------------------------------------------------------------

#: Ray copies a larger argument into its object store, which costs several times the call.
INLINE_BYTES = 100 * 1024
#: Of the clip below: 32 kB a frame; raw, each were 320 kB.
FRAME_BYTES = 40_000
#: Two visitors of the demo's clip.
FRAMES, VISITORS = 175, 2


class Weighing(Counting):
    """Counts the bytes that would be sent, too."""

    def __init__(self) -> None:
        encoder = load_encoder()
        super().__init__(load_detector(), encoder, classifier_of_noise(encoder))
        self.sizes: list[int] = []

    def find(self, picture: Image, score: float) -> list[Detection]:
        self.sizes.append(len(jpeg.encode(picture)))
        return super().find(picture, score)


@pytest.fixture(scope="module")
def watched(weights: None, tmp_path_factory: pytest.TempPathFactory) -> Weighing:
    """What a camera asked for that saw two visitors."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    madeup.write_clip(path, FRAMES)
    networks = Weighing()
    asyncio.run(camera_alone(path, networks))
    return networks


def test_a_visitor_is_encoded_once(watched: Weighing) -> None:
    # the system before encoded each person in each frame
    assert watched.counted.messages == VISITORS
    assert watched.counted.encoder_calls == VISITORS


def test_a_frame_on_its_way_to_the_detector_is_small(watched: Weighing) -> None:
    assert watched.sizes
    assert max(watched.sizes) < INLINE_BYTES
    assert sum(watched.sizes) / len(watched.sizes) < FRAME_BYTES


def test_nobody_in_sight_is_looked_for_every_five_seconds() -> None:
    # five times a second without the gate: that were 25 times as much for every hour in which the shop is empty
    minutes, fps = 2, 5
    watcher = Watcher(Camera(id="door", role="entrance", source=SecretStr("rtsp://camera/door"), fps=fps))
    random = np.random.default_rng(0)
    floor = np.add.outer(np.linspace(100, 140, 216), np.linspace(-20, 20, 384))[..., None]
    looked = 0
    for number in range(minutes * 60 * fps):
        noisy = floor + random.normal(0, 4, (216, 384, 3))
        frame = Frame(index=number, image=noisy.clip(0, 255).astype(np.uint8), at=number / fps)
        picture = watcher.look(frame)
        if picture is not None:
            looked += 1
            watcher.see(frame, picture, [])
    assert 0 < looked <= minutes * 60 / 5 + 3


# -- a visit in the database ----------------------------------------------------------------------------------


class Shop:
    """A registry with one who waits, and what its database was told and did."""

    def __init__(self, database: Database) -> None:
        telegram = Telegram(token=SecretStr("1000000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
        store = Store(id="s", name="s", departments=["Toys", "Cars"])
        self.registry = AssistantRegistry(Settings(telegram=telegram, stores=[store]), database)
        self.said: Counter[str] = Counter()
        #: Of SQLite's own machine, in tens.
        self.steps = 0
        self._numbers = itertools.count()

    def listen(self, statement: str) -> None:
        self.said[statement.split(maxsplit=1)[0]] += 1
        self.said["all"] += 1

    def step(self) -> None:
        self.steps += 1

    async def announce(self) -> None:
        await self.registry.announce(
            Visit(
                id=f"visit-{next(self._numbers)}",
                store="s",
                camera="door",
                at=time.time(),
                embedding=Embedding(vector=np.ones(1280, np.float32), encoder="e"),
                prediction=Prediction(ranking=(Ranked(department="Toys", probability=1.0),), classifier=1),
            )
        )


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with Database.open(tmp_path / "amiko.db") as database:
        made = Shop(database)
        async with database.transaction() as connection:
            added = await assistants.add(
                connection, store="s", name="Anna", username=None, telegram_id=1, now=time.time()
            )
            await assistants.set_state(connection, added.id, AssistantState.WAITING, now=time.time())
            await connection.set_trace_callback(made.listen)
            await connection.set_progress_handler(made.step, 10)
        made.said.clear()
        yield made


async def test_a_visit_that_is_told_is_three_transactions(shop: Shop) -> None:
    # announced, looked for, marked as sent; with synchronous=FULL each waits for the disk
    await shop.announce()
    outbox = await shop.registry.outbox(bot="main", seen=None, wait_s=0)
    (notification,) = outbox.notifications
    await shop.registry.mark_sent(notification=notification.id, message=1, revision=notification.revision)
    assert 0 < shop.said["COMMIT"] <= 3
    assert shop.said["all"] <= 30


async def test_visits_that_come_together_share_a_transaction(shop: Shop) -> None:
    await shop.announce()
    before = shop.said["COMMIT"], shop.said["all"]
    await asyncio.gather(*(shop.announce() for _ in range(20)))
    assert 0 < shop.said["COMMIT"] - before[0] <= 2
    assert (shop.said["all"] - before[1]) / 20 <= 9


async def test_a_visit_costs_as_much_where_many_are_open(shop: Shop) -> None:
    async def cost() -> float:
        before = shop.steps
        for _ in range(20):
            await shop.announce()
        return (shop.steps - before) / 20

    few = await cost()
    for _ in range(150):
        await shop.announce()
    assert await cost() < 1.2 * few
