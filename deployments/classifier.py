"""DepartmentClassifier: embeddings in, predictions out, and new classifiers swapped in without a lost prediction."""

import asyncio
import hashlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import ray
import torch

from domain.errors import ClassifierError
from domain.names import NAMESPACE, TRAINER
from domain.records import Embedding, Prediction
from networks import coldstart
from networks.coldstart import ColdStart
from networks.mlp import Classifier
from networks.ranking import Ranker, rank

if TYPE_CHECKING:
    from collections.abc import Awaitable

_LOGGER = logging.getLogger(__name__)

#: Seconds between two looks for a newer version.
POLL_S = 3.0
#: Seconds that the first request of a store waits for its classifier; later ones go on without.
FIRST_WAIT_S = 5.0
#: Seconds until a question to the source counts as unanswered.
ANSWER_S = 10.0


class Source(Protocol):
    """Where classifiers come from: the trainer.

    `current` gives the version and the sha256 of the classifier that a store uses (None before the first; version 0
    compares with texts), `file` a version's content.
    """

    async def current(self, store: str) -> tuple[int, str] | None: ...

    async def file(self, store: str, version: int) -> bytes: ...


class TrainerSource:
    """The trainer's actor, by its name: found again after it was restarted."""

    async def current(self, store: str) -> tuple[int, str] | None:
        return cast("tuple[int, str] | None", await self._ask("current", store))

    async def file(self, store: str, version: int) -> bytes:
        return cast("bytes", await self._ask("file", store, version))

    async def _ask(self, method: str, *arguments: object) -> object:
        # looked up each time: an actor that was made anew has another handle. Ray's lookup may block
        actor = await asyncio.to_thread(ray.get_actor, TRAINER, NAMESPACE)
        answer: Awaitable[object] = getattr(actor, method).remote(*arguments)
        return await answer


@dataclass(slots=True)
class _Shelf:
    """What a replica knows of one store's classifier."""

    #: Set once the first look is over, whatever came of it.
    looked: asyncio.Event
    classifier: Ranker | None = None
    sha256: str | None = None
    #: What went wrong last; None while all is well. Told once, not at each look.
    trouble: str | None = None
    #: A file that was refused, so that it is not fetched again and again.
    refused: str | None = None


class DepartmentClassifier:
    """The newest classifier of each store that asks, looked for every few seconds, loaded off to the side.

    Whatever is wrong with a new one (damaged, made for another encoder's size, fails its self-test) or with its
    source: the one in use goes on. The deployment is made of this class where the networks are bound.
    """

    def __init__(
        self,
        source: Source | None = None,
        *,
        poll_s: float = POLL_S,
        first_wait_s: float = FIRST_WAIT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        torch.set_num_threads(1)
        self._source = source or TrainerSource()
        self._poll_s = poll_s
        self._first_wait_s = first_wait_s
        self._answer_s = answer_s
        self._shelves: dict[str, _Shelf] = {}
        self._poller: asyncio.Task[None] | None = None
        self._swaps = 0

    async def classify(self, embedding: Embedding, store: str) -> Prediction | None:
        """The store's departments ranked for an embedding; None where the store has no classifier yet.

        Raises EncoderMismatchError, InputError for what the classifier can't take.
        """
        shelf = self._shelves.get(store)
        if shelf is None or not shelf.looked.is_set():
            await self.ready(store)
        # read once: another one may take its place at any moment. No batch: its pass costs less than waiting for
        # others' embeddings would
        classifier = self._shelves[store].classifier
        if classifier is None:
            return None
        return Prediction(ranking=rank(classifier, embedding), classifier=classifier.version)

    async def ready(self, store: str) -> None:
        """Wait, at most the first-wait time, until the store's classifier was looked for once."""
        shelf = self._shelves.get(store)
        if shelf is None:
            shelf = self._shelves[store] = _Shelf(looked=asyncio.Event())
            first = asyncio.create_task(self._look(store, shelf))
            first.add_done_callback(lambda _: shelf.looked.set())
            if self._poller is None:
                self._poller = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(self._first_wait_s):
                await shelf.looked.wait()
        except TimeoutError:
            # one wait is enough: the next requests of this store go on without a department at once
            shelf.looked.set()

    async def refresh(self) -> None:
        """Look once for newer versions of all stores that were asked for."""
        await asyncio.gather(*(self._look(store, shelf) for store, shelf in list(self._shelves.items())))

    async def close(self) -> None:
        """Stop looking for newer versions."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
            self._poller = None

    def status(self) -> dict[str, object]:
        """For `amiko status`; JSON-ready."""
        return {
            "swaps": self._swaps,
            "stores": {
                store: {
                    "version": shelf.classifier.version if shelf.classifier else None,
                    "trouble": shelf.trouble,
                }
                for store, shelf in self._shelves.items()
            },
        }

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            await self.refresh()

    async def _look(self, store: str, shelf: _Shelf) -> None:
        try:
            # not wait_for: in Python 3.11 a cancellation is lost in it if the answer comes at that moment
            async with asyncio.timeout(self._answer_s):
                found = await self._source.current(store)
            if found is None or found[1] in {shelf.sha256, shelf.refused}:
                if found is not None and found[1] == shelf.sha256:
                    shelf.trouble = None
                return
            version, sha256 = found
            async with asyncio.timeout(self._answer_s):
                data = await self._source.file(store, version)
            try:
                classifier = await asyncio.to_thread(_load, data, version, sha256)
            except ClassifierError:
                shelf.refused = sha256
                raise
        except Exception as error:  # noqa: BLE001 - whatever the trainer's trouble is, predictions go on
            self._note(store, shelf, error)
            return
        # one assignment: a prediction has either the old one or the new one, whole
        shelf.classifier = classifier
        shelf.sha256, shelf.refused, shelf.trouble = sha256, None, None
        self._swaps += 1
        _LOGGER.info("classifier in use", extra={"store": store, "version": version})

    def _note(self, store: str, shelf: _Shelf, error: Exception) -> None:
        text = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no answer in time'}"
        if shelf.trouble != text:
            version = shelf.classifier.version if shelf.classifier else None
            _LOGGER.warning("no newer classifier: %s", text, extra={"store": store, "in_use": version})
        shelf.trouble = text


def _load(data: bytes, version: int, sha256: str) -> Ranker:
    """On a thread of its own: predictions go on meanwhile."""
    began = time.monotonic()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ClassifierError(
            f"classifier version {version}: the file is damaged; return to the one before: amiko classifiers rollback"
        )
    classifier: Ranker = (
        ColdStart.from_bytes(data)
        if version == coldstart.VERSION
        else Classifier.from_bytes(data).with_version(version)
    )
    classifier.self_test()
    _LOGGER.debug("loaded", extra={"version": version, "seconds": time.monotonic() - began})
    return classifier
