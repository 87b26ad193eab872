"""Calls of the networks against replicas that die, refuse, and say nothing."""

import asyncio
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from ray.exceptions import ActorDiedError
from ray.serve.exceptions import BackPressureError

from actors.networks import Networks
from domain.errors import EncoderMismatchError, LateError, OverloadError, ServingError
from domain.records import Embedding, Prediction

PICTURE = np.zeros((32, 32, 3), np.uint8)
EMBEDDING = Embedding(vector=np.ones(4, np.float32), encoder="e")
PREDICTION = Prediction(ranking=(), classifier=1)


class Response:
    """What a handle's call gives: an answer, an error, or nothing for ever (None)."""

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome
        self.awaited = self.cancelled = False

    def __await__(self) -> Generator[Any, None, object]:
        self.awaited = True
        if self.outcome is None:
            yield from asyncio.Event().wait().__await__()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def cancel(self) -> None:
        self.cancelled = True


class Method:
    """A deployment's method: each call gets the next outcome, the last one again and again."""

    def __init__(self, *outcomes: object) -> None:
        self.outcomes = list(outcomes)
        self.calls: list[tuple[tuple[Any, ...], Response]] = []
        #: Whether the first argument, if it is another's response, had been waited for at the time of the call.
        self.waited_for: list[bool] = []

    def remote(self, *arguments: Any) -> Response:
        response = Response(self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0])
        self.calls.append((arguments, response))
        if arguments and isinstance(arguments[0], Response):
            self.waited_for.append(arguments[0].awaited)
        return response


class Handle:
    def __init__(self, **methods: Method) -> None:
        self.__dict__.update(methods)


def networks(*, detect: Method | None = None, embed: Method | None = None, classify: Method | None = None) -> Networks:
    made = Networks.__new__(Networks)
    handles: Any = Handle(detect=detect), Handle(embed=embed), Handle(classify=classify)
    made._detector, made._encoder, made._classifier = handles
    made._took = lambda _, __: None
    return made


async def test_the_embedding_goes_to_the_classifier_without_being_waited_for() -> None:
    embed, classify = Method(EMBEDDING), Method(PREDICTION)
    assert await networks(embed=embed, classify=classify).describe(PICTURE, "s", within_s=5) == (EMBEDDING, PREDICTION)
    assert classify.calls[0][0] == (embed.calls[0][1], "s")
    assert classify.waited_for == [False]


async def test_what_is_late_is_cancelled() -> None:
    detect = Method(None)
    with pytest.raises(LateError, match=r"0\.01 s"):
        await networks(detect=detect).detect(PICTURE, 0.5, within_s=0.01, again=True)
    assert [response.cancelled for _, response in detect.calls] == [True]


async def test_on_both_replicas_of_a_composed_call() -> None:
    embed, classify = Method(None), Method(None)
    with pytest.raises(LateError):
        await networks(embed=embed, classify=classify).describe(PICTURE, "s", within_s=0.01)
    assert embed.calls[0][1].cancelled
    assert classify.calls[0][1].cancelled


async def test_who_no_longer_waits_cancels_too() -> None:
    detect = Method(None)
    asking = asyncio.create_task(networks(detect=detect).detect(PICTURE, 0.5, within_s=60, again=True))
    # one turn to begin, one to wait
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert detect.calls[0][1].cancelled


@pytest.mark.parametrize("passing", [ActorDiedError(), BackPressureError(1, 1)])
async def test_what_passes_is_tried_again(passing: Exception) -> None:
    embed = Method(passing, passing, EMBEDDING)
    assert await networks(embed=embed).embed(PICTURE, within_s=60) == EMBEDDING
    assert len(embed.calls) == 3


async def test_until_the_time_is_over() -> None:
    embed = Method(ActorDiedError())
    with pytest.raises(ServingError, match="ActorDiedError"):
        await networks(embed=embed).embed(PICTURE, within_s=1)
    assert len(embed.calls) > 1


async def test_a_frame_that_will_be_replaced_is_tried_once() -> None:
    detect = Method(BackPressureError(1, 1))
    with pytest.raises(OverloadError, match="max_replicas"):
        await networks(detect=detect).detect(PICTURE, 0.5, within_s=60, again=False)
    assert len(detect.calls) == 1


async def test_a_classifier_that_refuses_costs_the_department_alone() -> None:
    asked = networks(embed=Method(EMBEDDING), classify=Method(EncoderMismatchError("another encoder")))
    assert await asked.describe(PICTURE, "s", within_s=5) == (EMBEDDING, None)


async def test_an_error_of_the_network_itself_is_not_tried_again() -> None:
    detect = Method(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await networks(detect=detect).detect(PICTURE, 0.5, within_s=60, again=True)
    assert len(detect.calls) == 1
