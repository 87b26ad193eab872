"""The three networks as an actor calls them: typed, and tried again where a replica dies under a call."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ray import serve
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError
from ray.serve.handle import DeploymentHandle
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from actors.cluster import APPLICATION
from domain.errors import AmikoError
from domain.records import Detection, Embedding, Image, Prediction
from networks import jpeg

_LOGGER = logging.getLogger(__name__)

#: What passes by itself: a replica that was killed (Serve starts another within 3 s and does not repeat the call),
#: one that is full, an application that is just being deployed again.
PASSING = (RayActorError, BackPressureError, DeploymentUnavailableError)

Answer = TypeVar("Answer")


class Networks:
    """Handles on the three deployments. A call is tried again for `patience_s`, then the last error is raised."""

    def __init__(self, application: str = APPLICATION) -> None:
        self._detector = _handle(application, "PersonDetector")
        self._encoder = _handle(application, "VisitorEncoder")
        self._classifier = _handle(application, "DepartmentClassifier")

    async def detect(self, picture: Image, score: float, *, patience_s: float) -> list[Detection]:
        """People in a picture of the network's input size, in its pixels; those below `score` are left out."""
        data = jpeg.encode(picture)

        async def call() -> list[Detection]:
            found: list[Detection] = await self._detector.detect.remote(data, score)
            return found

        return await _insist(call, patience_s)

    async def embed(self, crop: Image, *, patience_s: float) -> Embedding:
        """The embedding of a crop of any size."""
        data = jpeg.encode(crop)

        async def call() -> Embedding:
            embedding: Embedding = await self._encoder.embed.remote(data)
            return embedding

        return await _insist(call, patience_s)

    async def describe(self, crop: Image, store: str, *, patience_s: float) -> tuple[Embedding, Prediction | None]:
        """The embedding of a crop, and what that store's classifier makes of it; None where it has none yet."""
        data = jpeg.encode(crop)

        async def call() -> tuple[Embedding, Prediction | None]:
            embedding = self._encoder.embed.remote(data)
            # not awaited: the embedding goes from replica to replica without coming back here in between
            try:
                prediction: Prediction | None = await self._classifier.classify.remote(embedding, store)
            except AmikoError as error:
                # made for another encoder, say: the visitor is announced without a department, and what an
                # assistant answers is still worth something
                _LOGGER.warning("store %s: no prediction: %s", store, error)
                prediction = None
            return await embedding, prediction

        return await _insist(call, patience_s)


def _handle(application: str, deployment: str) -> DeploymentHandle[Any]:
    return serve.get_deployment_handle(deployment, app_name=application)


async def _insist(call: Callable[[], Awaitable[Answer]], patience_s: float) -> Answer:
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(PASSING),
        wait=wait_exponential(multiplier=0.05, max=1),
        stop=stop_after_delay(patience_s),
        reraise=True,
    ):
        with attempt:
            return await call()
    raise AssertionError("tenacity ends with an answer or the last error")
