"""What `amiko status --json` prints, as each actor tells its own part of it."""

from typing import NotRequired, TypedDict

from actors.about import About
from actors.cluster import Node


class CameraStatus(TypedDict):
    """One camera's part of `amiko status`."""

    camera: str
    role: str
    state: str
    reason: str
    #: good, frozen, covered or dark.
    picture: str
    #: Frames that came; those of a live source that nobody had time for; those that the detector did not answer for.
    frames: int
    dropped: int
    late: int
    detections: int
    visits: int
    samples: int
    #: Visits and samples that are on their way.
    pending: int
    #: p50 and p95 in milliseconds of the last times, by stage; see `actors.stages`.
    stages_ms: dict[str, dict[str, float]]


class StoreStatus(TypedDict):
    """One store's part of `amiko status`."""

    assistants: list[dict[str, str | float | None]]
    #: Of the last 24 hours.
    visits: int
    #: Of the last 24 hours, by state.
    notifications: dict[str, int]


class BotStatus(TypedDict):
    """One bot's part of `amiko status`."""

    healthy: bool
    #: Seconds since Telegram last answered a poll; None if it never did.
    answered_s_ago: float | None
    problem: str | None


class DispatcherStatus(BotStatus):
    """All bots' part of `amiko status`: healthy if all are, with the longest silence and the first problem."""

    #: By name; left out where there is but one.
    bots: NotRequired[dict[str, BotStatus]]


class LastTraining(TypedDict):
    """How a store's last training ended."""

    #: Seconds since 1970.
    at: float
    outcome: str


class TrainerStatus(TypedDict):
    """One store's third network."""

    #: Its version; 0 where departments are told by comparing with texts, None where they are not told.
    classifier: int | None
    #: The encoder's identity; None until it has answered.
    encoder: str | None
    #: What it means that the encoder is another than before; None where it is not.
    encoder_changed: str | None
    samples: int
    #: Whether one is under way.
    training: bool
    #: Seconds since 1970.
    next_training: float
    last_training: LastTraining | None


class Status(TypedDict):
    """All of it, but for the networks."""

    stores: dict[str, StoreStatus] | None
    cameras: dict[str, CameraStatus | None]
    dispatcher: DispatcherStatus | None
    trainer: dict[str, TrainerStatus] | None
    nodes: list[Node]
    #: Where each actor runs; None where that is not known.
    actors: dict[str, About | None]
    #: What an operator should look at, a line each.
    problems: list[str]
