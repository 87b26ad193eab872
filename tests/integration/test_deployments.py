"""The three networks on a real Ray Serve."""

import asyncio
from collections.abc import Iterator

import cv2
import numpy as np
import psutil
import pytest
import ray

from domain.errors import InputError
from domain.names import CENTRAL, PERSON_DETECTOR, VISITOR_ENCODER
from domain.settings import Networks as NetworksSettings
from networks import jpeg

pytestmark = [pytest.mark.usefixtures("weights", "cluster"), pytest.mark.cluster]


@pytest.fixture(scope="module")
def application(weights: None, cluster: None) -> Iterator[None]:
    from ray import serve

    from actors.cluster import start_serve
    from deployments.application import application as bound

    start_serve()
    serve.run(bound(NetworksSettings()), name=CENTRAL, route_prefix=None)
    yield
    serve.shutdown()


def astronaut() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    from skimage import data

    return cv2.resize(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR), (416, 416))


async def test_people_are_found_and_described(application: None) -> None:
    from actors.networks import Networks

    networks = Networks()
    (person,) = await networks.detect(astronaut(), 0.5, within_s=30, again=True)
    assert person.score > 0.8
    # no trainer runs here: the visitor is described all the same
    embedding, prediction = await networks.describe(astronaut(), "nowhere", within_s=30)
    assert embedding.vector.shape == (1280,)
    assert prediction is None


async def test_one_bad_picture_fails_alone(application: None) -> None:
    from ray import serve

    handle = serve.get_deployment_handle(PERSON_DETECTOR, app_name=CENTRAL)
    good = jpeg.encode(astronaut())
    odd = jpeg.encode(astronaut()[:100, :100])
    answers = await asyncio.gather(
        *(handle.detect.remote(data, 0.5) for data in (good, b"no picture", odd, good)), return_exceptions=True
    )
    assert [isinstance(answer, InputError) for answer in answers] == [False, True, True, False], answers
    assert len(answers[0]) == len(answers[3]) == 1


async def test_what_the_encoder_can_not_take_is_raised(application: None) -> None:
    """An error that a batch returns in one request's place must not be handed on as if it were an answer."""
    from ray import serve

    handle = serve.get_deployment_handle(VISITOR_ENCODER, app_name=CENTRAL)
    with pytest.raises(InputError, match="no picture"):
        await handle.embed.remote(b"no picture")


async def test_a_killed_replica_costs_no_answer(application: None) -> None:
    import os
    import signal

    from actors.networks import Networks
    from tests.support.processes import until

    def replicas() -> list[int]:
        return [
            child.pid
            for child in psutil.Process().children(recursive=True)
            if child.is_running() and child.name().startswith("ray::ServeRep") and PERSON_DETECTOR in child.cmdline()[0]
        ]

    networks = Networks()
    (victim,) = await asyncio.to_thread(until, replicas, "the replica")
    asked = [asyncio.create_task(networks.detect(astronaut(), 0.5, within_s=60, again=True)) for _ in range(20)]
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    os.kill(victim, signal.SIGKILL)
    answers = await asyncio.gather(*asked)
    assert all(len(answer) == 1 for answer in answers)


def test_ray_listens_on_loopback(cluster: None) -> None:
    assert ray.get_runtime_context().gcs_address.startswith("127.0.0.1:")


async def test_under_overload_late_frames_are_dropped_and_visitors_are_described(application: None) -> None:
    """More cameras than the detector can answer: their frames end in time, and everyone who came in is described."""
    from actors.networks import Networks
    from domain.errors import ServingError

    networks, frame = Networks(), astronaut()
    over, dropped = asyncio.Event(), asyncio.Event()

    async def camera() -> None:
        while not over.is_set():
            try:
                await networks.detect(frame, 0.5, within_s=0.3, again=False)
            except ServingError:
                dropped.set()

    cameras = [asyncio.create_task(camera()) for _ in range(200)]
    try:
        await asyncio.wait_for(dropped.wait(), 60)
        visits = await asyncio.gather(*(networks.describe(frame, "nowhere", within_s=30) for _ in range(10)))
    finally:
        over.set()
        await asyncio.gather(*cameras)
    assert len(visits) == 10
    assert all(embedding.vector.shape == (1280,) for embedding, _ in visits)
    # what was given up does not stand in the way of what comes next
    (person,) = await networks.detect(frame, 0.5, within_s=30, again=True)
    assert person.score > 0.8
