"""The three networks as an actor calls them: typed, in time, tried again where a replica dies under a call."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import grpc
import numpy as np
from ray import serve
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException
from ray.serve.handle import DeploymentHandle
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential

from actors.cluster import LOOPBACK, own_address
from actors.stages import Stage
from domain.errors import AmikoError, LateError, OverloadError, ServingError
from domain.names import CENTRAL, DEPARTMENT_CLASSIFIER, PERSON_DETECTOR, VISITOR_ENCODER
from domain.records import Detection, Embedding, Image, Prediction
from networks import jpeg

_LOGGER = logging.getLogger(__name__)

#: What passes by itself: a replica that was killed (Serve starts another within 3 s and does not repeat the call),
#: one that is full, an application that is just being deployed again, a connection that breaks.
PASSING = (RayActorError, BackPressureError, DeploymentUnavailableError, RayServeException, grpc.RpcError)

Answer = TypeVar("Answer")


class Networks:
    """Handles on the three deployments.

    Each call has `within_s` seconds for all its tries together; then the replica's work on it is cancelled. All raise
    OverloadError, LateError or another ServingError where there is no answer, and what the network itself raises.
    """

    #: Of all pictures that were handed to the networks.
    sent_bytes = 0

    def __init__(
        self, application: str = CENTRAL, *, took: Callable[[Stage, float], None] = lambda _, __: None
    ) -> None:
        """Within the event loop that calls them. `took` hears what encoding and classifying take."""
        self._took = took
        self._detector = handle(PERSON_DETECTOR, application)
        self._encoder = handle(VISITOR_ENCODER, application)
        self._classifier = handle(DEPARTMENT_CLASSIFIER, application)

    async def warm_up(self, store: str, *, within_s: float) -> None:
        """One call on each way: the first visitor must not wait for connections, and for a classifier to be loaded."""
        grey = np.full((64, 64, 3), 114, np.uint8)
        await self.detect(grey, 0.9, within_s=within_s, again=True)
        await self.describe(grey, store, within_s=within_s)

    def _encoded(self, image: Image) -> bytes:
        data = jpeg.encode(image)
        self.sent_bytes += len(data)
        return data

    async def detect(self, picture: Image, score: float, *, within_s: float, again: bool) -> list[Detection]:
        """People in a picture of the network's input size, in its pixels; those below `score` are left out.

        `again`: whether to try again. Where the next picture is a newer one, that is the better try.
        """
        data = self._encoded(picture)

        async def call() -> list[Detection]:
            async with _cancelling(self._detector.detect.remote(data, score)) as response:
                found: list[Detection] = await response
                return found

        return await _insist(call, within_s, again=again)

    async def embed(self, crop: Image, *, within_s: float) -> Embedding:
        """The embedding of a crop of any size."""
        data = self._encoded(crop)

        async def call() -> Embedding:
            async with _cancelling(self._encoder.embed.remote(data)) as response:
                embedding: Embedding = await response
                return embedding

        return await _insist(call, within_s)

    async def describe(self, crop: Image, store: str, *, within_s: float) -> tuple[Embedding, Prediction | None]:
        """The embedding of a crop, and what that store's classifier makes of it; None where it has none yet."""
        data = self._encoded(crop)

        async def call() -> tuple[Embedding, Prediction | None]:
            start = time.perf_counter()
            embedding = self._encoder.embed.remote(data)
            # not awaited: by Ray's own calls the embedding goes from replica to replica; by gRPC Serve hands it on
            # here, as soon as it is there
            prediction = self._classifier.classify.remote(embedding, store)
            async with _cancelling(prediction, embedding):
                encoded: Embedding = await embedding
                self._took("encode", (between := time.perf_counter()) - start)
                try:
                    ranked: Prediction | None = await prediction
                except AmikoError as error:
                    # made for another encoder, say: the visitor is announced without a department, and what an
                    # assistant answers is still worth something
                    _LOGGER.warning("store %s: no prediction: %s", store, error)
                    ranked = None
                self._took("classify", time.perf_counter() - between)
                return encoded, ranked

        return await _insist(call, within_s)


def handle(deployment: str, application: str) -> DeploymentHandle[Any]:
    """To one deployment.

    Where all of Ray is on one machine, calls go by gRPC and in the caller's own loop, which takes less than half of
    the processor's time. Between machines they go as Ray's own calls do: Serve's gRPC ports ask for no token.
    """
    if own_address() != LOOPBACK:
        return serve.get_deployment_handle(deployment, app_name=application)
    # Serve's own function keeps handles for the next who asks, in another loop maybe
    made: Any = DeploymentHandle(deployment, application)
    made._init(_run_router_in_separate_loop=False)  # noqa: SLF001 - Serve has no other way to say so for one handle
    direct: DeploymentHandle[Any] = made.options(_by_reference=False)
    return direct


@asynccontextmanager
async def _cancelling(*responses: Any) -> AsyncIterator[Any]:
    """The first of the responses; where waiting for it ends without an answer, the replicas' work on all does, too."""
    try:
        yield responses[0]
    except BaseException:
        for response in responses:
            response.cancel()
        raise


async def _insist(call: Callable[[], Coroutine[Any, Any, Answer]], within_s: float, *, again: bool = True) -> Answer:
    """The answer, tried for again until the time is over."""
    last: list[BaseException] = []

    def note(state: RetryCallState) -> None:
        last[:] = [state.outcome.exception() or LateError()] if state.outcome else []

    try:
        async with asyncio.timeout(within_s):
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(PASSING),
                wait=wait_exponential(multiplier=0.05, max=1),
                stop=(lambda _: False) if again else stop_after_attempt(1),
                after=note,
                reraise=True,
            ):
                with attempt:
                    return await call()
    except TimeoutError:
        if last:
            raise _told(last[0]) from last[0]
        raise LateError(f"no answer from the networks within {within_s:g} s") from None
    except PASSING as error:
        raise _told(error) from error
    raise AssertionError("tenacity ends with an answer or the last error")


def _told(error: BaseException) -> ServingError:
    if isinstance(error, BackPressureError):
        return OverloadError("the networks have more to do than they can; raise max_replicas in networks.scaling")
    what = (str(error).splitlines() or [""])[0]
    return ServingError(f"the networks can't be asked: {type(error).__name__}: {what}")
