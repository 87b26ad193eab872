"""What becomes of those whom a camera saw, with networks that answer as told."""

import logging

import numpy as np
import pytest
from pydantic import SecretStr

import actors.visitors
from actors.networks import Networks
from actors.stages import Stages, Trace
from actors.visitors import Visitors
from domain.errors import LateError
from domain.records import Embedding, Image, Origin, Prediction, Ranked, Sample, Visit
from domain.settings import Camera, Store
from vision.watcher import Seen, SeenKind

#: 2 March in Moscow, the day before by UTC.
AT = 1_772_400_000.0
CROP: Image = np.full((96, 48, 3), 120, np.uint8)


class Told(Networks):
    """Fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures

    async def embed(self, crop: Image, *, within_s: float) -> Embedding:
        return Embedding(vector=np.ones(4, np.float32), encoder="e@1")

    async def describe(self, crop: Image, store: str, *, within_s: float) -> tuple[Embedding, Prediction | None]:
        if self.failures:
            self.failures -= 1
            raise LateError
        ranking = (Ranked(department="Toys", probability=1.0),)
        return await self.embed(crop, within_s=within_s), Prediction(ranking=ranking, classifier=1)


class Ears:
    """Keeps what it is told; the first may be refused."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.visits: list[Visit] = []
        self.samples: list[Sample] = []
        self._refuses = refuses

    async def announce(self, visit: Visit) -> None:
        if self._refuses:
            self._refuses = False
            raise ValueError("not now")
        self.visits.append(visit)

    async def add_sample(self, sample: Sample) -> None:
        self.samples.append(sample)


def seen(track: int = 1, *, kind: SeenKind = SeenKind.VISIT, frame: int = 7, crop: Image | None = CROP) -> Seen:
    return Seen(kind=kind, track=track, frame=frame, at=0.0, first_frame=1, last_frame=frame, crop=crop)


def made(
    ears: Ears,
    networks: Networks | None = None,
    *,
    run: str = "r",
    live: bool = False,
    card: str = "none",
    department: str | None = None,
) -> Visitors:
    role = {"role": "department", "department": department} if department else {"role": "entrance"}
    camera = Camera.model_validate({"id": "door", "source": SecretStr("0"), **role})
    store = Store.model_validate({"id": "s", "name": "s", "departments": ["Toys"], "card": card})
    return Visitors(
        store=store, camera=camera, networks=networks or Told(), announcer=ears, collector=ears, run=run, live=live
    )


async def visits_of(visitors: Visitors, ears: Ears, *events: Seen, at: float = AT) -> list[Visit]:
    visitors.begin(events, came_at=at, trace=Trace(Stages()))
    await visitors.done()
    return ears.visits


async def test_a_visit_is_announced_with_what_the_networks_say_of_it() -> None:
    ears = Ears()
    visitors = made(ears)
    visitors.begin([seen(), seen(2, kind=SeenKind.ENTRY), seen(3, crop=None)], came_at=AT, trace=Trace(Stages()))
    assert (visitors.visits, visitors.samples, visitors.pending) == (1, 0, 1)
    await visitors.done()
    (visit,) = ears.visits
    assert (visit.store, visit.camera, visit.at, visit.card) == ("s", "door", AT, None)
    assert visit.embedding is not None
    assert visit.prediction is not None
    assert visitors.pending == 0


async def test_a_recording_that_is_played_again_makes_the_same_visits() -> None:
    first, again, tomorrow, other = (Ears() for _ in range(4))
    (one,) = await visits_of(made(first), first, seen())
    (same,) = await visits_of(made(again), again, seen(), at=AT + 60)
    (new,) = await visits_of(made(tomorrow, run="tomorrow"), tomorrow, seen())
    assert one.id == same.id != new.id
    ids = {visit.id for visit in await visits_of(made(other), other, seen(1), seen(2), seen(1, frame=90))}
    assert len(ids) == 3


async def test_of_a_live_source_the_moment_tells_visits_apart() -> None:
    """A restarted camera counts frames and tracks from the beginning."""
    ears, again = Ears(), Ears()
    (one,) = await visits_of(made(ears, live=True), ears, seen())
    (later,) = await visits_of(made(again, live=True), again, seen(), at=AT + 60)
    assert one.id != later.id


async def test_a_visitor_is_announced_when_no_prediction_can_be_had(caplog: pytest.LogCaptureFixture) -> None:
    ears = Ears()
    visits = await visits_of(made(ears, Told(failures=1)), ears, seen(1), seen(2))
    assert [visit.prediction is None for visit in visits].count(True) == 1
    assert "no prediction" in caplog.text


async def test_a_card_as_the_settings_want_it_and_rather_none_than_no_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    for card, has_one in (("blurred", True), ("photo", True), ("none", False)):
        ears = Ears()
        (visit,) = await visits_of(made(ears, card=card), ears, seen())
        assert (visit.card is not None) is has_one
        assert visit.card is None or (visit.card.startswith(b"\xff\xd8") and len(visit.card) < 40_000)

    def broken(_: Image, *, cut: bool) -> bytes:
        raise ValueError("no card")

    monkeypatch.setattr(actors.visitors, "blurred_card", broken)
    ears = Ears()
    (visit,) = await visits_of(made(ears, card="blurred"), ears, seen())
    assert visit.card is None
    assert visit.prediction is not None


async def test_one_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    ears = Ears(refuses=True)
    assert len(await visits_of(made(ears), ears, seen(1), seen(2))) == 1
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


async def test_who_stays_at_a_departments_camera_becomes_a_sample_of_the_stores_day() -> None:
    ears = Ears()
    visitors = made(ears, department="Toys")
    visitors.begin([seen(kind=SeenKind.SAMPLE)], came_at=AT, trace=Trace(Stages()))
    await visitors.done()
    (sample,) = ears.samples
    assert (sample.store, sample.camera, sample.department, sample.origin) == ("s", "door", "Toys", Origin.CAMERA)
    assert sample.day == "2026-03-02"
    assert sample.group == sample.id
    assert (visitors.visits, visitors.samples) == (0, 1)
