"""What is to run, as it is handed to the actors: sealed, since Ray keeps what actors are made with.

Ray holds an actor's arguments for as long as it may have to make it again, in its own memory and, where the head is to
survive a restart, in Redis. So what holds secrets is sealed with the cluster's token, which every node has anyhow.
"""

import base64
import contextlib
import hashlib
import json
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet, InvalidToken
from pydantic import BaseModel, ConfigDict, SecretStr

from domain.errors import ClusterError
from domain.names import CENTRAL, local_application
from domain.settings import Camera, Settings, Store

NO_TOKEN = (
    "the cluster's token is missing: name its file, RAY_AUTH_TOKEN_PATH=…, with RAY_AUTH_MODE=token"  # noqa: S105 - it speaks of one
    " (docs/operations.md tells where it is)"
)


class _Part(BaseModel):
    """What can be sealed and told from another by its digest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def sealed(self) -> bytes:
        """For whoever has the cluster's token. Raises ClusterError where there is none."""
        return Fernet(_key()).encrypt(self._text().encode())

    @classmethod
    def opened(cls, sealed: bytes) -> Self:
        """Raises ClusterError where it was sealed with another token."""
        try:
            return cls.model_validate_json(Fernet(_key()).decrypt(sealed))
        except InvalidToken:
            raise ClusterError(
                "this node has another token than the one that started Amiko; give all the same"
            ) from None

    @property
    def digest(self) -> str:
        """Differs wherever anything in it does, the secrets included."""
        return hashlib.sha256(self._text().encode()).hexdigest()[:16]

    def _text(self) -> str:
        return json.dumps(self.model_dump(by_alias=True), default=_plain, sort_keys=True)


class CameraPlan(_Part):
    """One camera's part. It changes only if something does that the camera must know."""

    #: Without its cameras.
    store: Store
    camera: Camera
    #: See `CameraWorker`.
    run: str
    #: How recordings are played; cameras know neither.
    paced: bool
    loop: bool
    #: The Serve application with the store's networks.
    application: str
    #: The data folder; None where it runs on its store's own node, across a link that may be cut: that node's own.
    home: Path | None
    release: str


class Plan(_Part):
    """All of it, for the actor `stores`."""

    settings: Settings
    home: Path
    #: Names this run of the system; see `CameraWorker`.
    run: str
    paced: bool = True
    loop: bool = False
    #: Whether stores have nodes of their own: on a cluster that was joined. A machine on its own needs no labels.
    placed: bool = False

    def camera(self, store: Store, camera: Camera) -> CameraPlan:
        """One camera's part."""
        # what a camera does not look at is left out, so that a new department, say, does not make it start again
        told = Store(id=store.id, name=store.id, timezone=store.timezone, departments=["-"], card=store.card)
        return CameraPlan(
            store=told,
            camera=camera,
            run=self.run,
            paced=self.paced,
            loop=self.loop,
            application=self.application_of(store),
            home=None if self.placed else self.home,
            release=release(),
        )

    def application_of(self, store: Store) -> str:
        """The Serve application that has the store's networks; a machine on its own has one for all."""
        return local_application(store.id) if self.placed and store.networks == "local" else CENTRAL

    @property
    def head_digest(self) -> str:
        """Of what registry, dispatcher and trainer must know: all but the cameras."""
        told = self.settings.model_dump(by_alias=True, exclude={"stores": {"__all__": {"cameras"}}})
        text = json.dumps([told, str(self.home), release()], default=_plain, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def release() -> str:
    """The project's version. Nodes of one cluster must agree in its first two numbers."""
    try:
        return version("amiko")
    except PackageNotFoundError:
        return "0"


def mismatch(told: str) -> str | None:
    """What is to be said where this node has another release than the head; None where they go together."""
    own = release()
    if own.split(".")[:2] == told.split(".")[:2]:
        return None
    return f"this node has Amiko {own} and the head {told}: upgrade the older one (docs/operations.md, Upgrade)"


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not expected in settings")


def cluster_token() -> str:
    """What Ray asks for, looked for where Ray does. Raises ClusterError where there is none."""
    token = os.environ.get("RAY_AUTH_TOKEN", "")
    if not token:
        path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
        with contextlib.suppress(OSError):
            token = path.read_text(encoding="utf-8")
    if os.environ.get("RAY_AUTH_MODE") != "token" or not token.strip():
        raise ClusterError(NO_TOKEN)
    return token.strip()


def _key() -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"amiko plan\n" + cluster_token().encode()).digest())
