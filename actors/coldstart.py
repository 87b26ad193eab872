"""What the trainer knows of the encoder that runs: who it is, and what it makes of texts about departments."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from ray import serve
from ray.serve.handle import DeploymentHandle

from domain.errors import ClassifierError, NetworksError
from domain.names import CENTRAL, VISITOR_ENCODER
from domain.prompts import prompts_for
from domain.records import TextEmbeddings
from domain.settings import Store
from networks.coldstart import ColdStart, cold_start
from storage.files import write_whole

_LOGGER = logging.getLogger(__name__)


class TextEncoder(Protocol):
    """The encoder, as far as texts are concerned."""

    async def identity(self) -> str: ...

    async def embed_texts(self, texts: list[str]) -> TextEmbeddings | None:
        """None where the network knows no texts."""
        ...


class ServedEncoder:
    """The deployment. Raises whatever Ray raises while it is not there."""

    def __init__(self, application: str = CENTRAL) -> None:
        self._application = application

    async def identity(self) -> str:
        return cast("str", await self._handle().identity.remote())

    async def embed_texts(self, texts: list[str]) -> TextEmbeddings | None:
        return cast("TextEmbeddings | None", await self._handle().embed_texts.remote(texts))

    def _handle(self) -> DeploymentHandle[Any]:
        # anew each time: the application may have been deployed again, or come later than the trainer
        return serve.get_deployment_handle(VISITOR_ENCODER, app_name=self._application)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A store's encoder as it was last seen."""

    encoder: str
    #: The cold start's file; None for an encoder that knows no texts.
    content: bytes | None


async def prepare(encoder: TextEncoder, store: Store, path: Path) -> Known:
    """Ask who the encoder is, and have the store's cold start at `path`: made anew only where something changed.

    Raises whatever keeps the encoder from answering, StorageError where the file can't be written.
    """
    identity = await encoder.identity()
    prompts = prompts_for(store.departments, store.prompts, store.department_names)
    kept = _kept(path, identity, prompts)
    if kept is not None:
        return Known(encoder=identity, content=kept)
    try:
        texts = await encoder.embed_texts([text for sentences in prompts.values() for text in sentences])
    except NetworksError as error:
        # a broken text tower: crops are still described
        _LOGGER.warning("no comparison with texts: %s", error, extra={"store": store.id})
        texts = None
    content = cold_start(prompts, texts).to_bytes() if texts else None
    _keep(path, content)
    return Known(encoder=identity, content=content)


def _keep(path: Path, content: bytes | None) -> None:
    """For trainings, which look there; of an encoder that knows no texts nothing may be left."""
    if content is None:
        path.unlink(missing_ok=True)
    else:
        write_whole(path, content)


def _kept(path: Path, identity: str, prompts: Mapping[str, list[str]]) -> bytes | None:
    try:
        content = path.read_bytes()
        kept = ColdStart.from_bytes(content)
    except (OSError, ClassifierError):
        return None
    same = kept.encoder == identity and kept.prompts == {name: tuple(texts) for name, texts in prompts.items()}
    return content if same else None


def meaning(encoder: str, classifier: str | None, samples: Mapping[str, int], *, texts: bool) -> str | None:
    """What it means that this encoder runs; None where nothing was made with another one.

    `classifier`: the encoder of the classifier in use. `samples`: their number by encoder. `texts`: whether the encoder
    knows texts.
    """
    others = {name: count for name, count in samples.items() if name != encoder}
    stale = classifier is not None and classifier != encoder
    if not stale and not (others and not samples.get(encoder)):
        return None
    lost = ([f"{sum(others.values())} samples"] if others else []) + (["the classifier"] if stale else [])
    whose = ", ".join(sorted({*others, *([classifier] if stale and classifier else [])}))
    until = "departments are told by comparing with texts" if texts else "visitors are announced without a department"
    return (
        f"the encoder is {encoder} now: {' and '.join(lost)} of {whose} can't be used with it."
        f" Training starts anew, and until a classifier earns its place {until}; going back to the old encoder"
        " brings everything back"
    )
