"""Records: the design's words, frozen. Times are seconds since 1970 (UTC) unless a field says otherwise."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

#: A picture as OpenCV has it: shape `(height, width, 3)`, BGR, 0 to 255.
Image = NDArray[np.uint8]
#: `(x_min, y_min, x_max, y_max)` in pixels of the picture that it belongs to.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One picture of a camera. Full-size frames never leave the camera's process."""

    #: 0-based number among the frames that the source gave.
    index: int
    #: When it was taken: seconds of wall clock for live sources, seconds from the beginning for files.
    at: float
    image: Image
    #: Wall clock, when the source gave it, before it was decoded; a recording's, when it was its turn to be played.
    came_at: float = field(default_factory=time.time)
    #: Seconds that decoding took.
    decode_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """A person's box in one frame."""

    box: Box
    #: 0 to 1.
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedding:
    """The encoder's vector for a crop, with the encoder's identity; those of two encoders never mix."""

    #: float32, shape `(dimensions,)`.
    vector: NDArray[np.float32]
    #: For example `efficientnet-lite0@57934424`; changes with the weights.
    encoder: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TextEmbeddings:
    """What an encoder's text tower makes of some texts: vectors that can be compared with crops'."""

    #: float32, shape `(texts, dimensions)`, rows of length 1.
    vectors: NDArray[np.float32]
    encoder: str
    #: What a cosine is multiplied by before softmax, as the network was trained.
    sharpness: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """A department and how probable it is, 0 to 1."""

    department: str
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """Departments ranked by probability, the most probable first."""

    ranking: tuple[Ranked, ...]
    #: The version of the classifier that said so; 0 where crops are compared with texts, before the first one.
    classifier: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """A person who came in at an entrance camera, as it is announced."""

    #: Made by the camera; announcing the same visit twice is announcing it once.
    id: str
    store: str
    camera: str
    #: Wall clock.
    at: float
    #: None where the encoder could not be reached in time: the visitor is announced all the same.
    embedding: Embedding | None = None
    #: None where the store has no classifier yet.
    prediction: Prediction | None = None
    #: A small JPEG for the notification's card, made unrecognisable as the store's settings say; never stored.
    card: bytes | None = None


class AssistantState(StrEnum):
    """What an assistant does: `busy` is with a visitor, by their own «Иду»."""

    OFF = "off"
    WAITING = "waiting"
    BUSY = "busy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Assistant:
    """A registered person of a store's staff."""

    id: int
    store: str
    name: str
    #: Without the @; None where the person has none. Refreshed at each login.
    username: str | None
    #: None until the first login of a person who was registered by user name.
    telegram_id: int | None
    #: `ru` or `en`, from what Telegram says of the person's language.
    language: str
    state: AssistantState
    #: Since when the assistant is in that state.
    since: float
    #: Those that the assistant knows best: their visitors come to this one first.
    departments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What an assistant does now."""

    assistant: Assistant
    #: Whether the call made it so; the same update again has the same answer again.
    changed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Invite:
    """A one-time code that puts whoever has it on a store's staff list. Only its hash is stored."""

    code: str
    store: str
    #: The bot that the person is to talk to.
    bot: str
    expires_at: float


class NotificationState(StrEnum):
    """What became of a notification; the last four are ends."""

    QUEUED = "queued"
    SENT = "sent"
    TAKEN = "taken"
    DECLINED = "declined"
    EXPIRED = "expired"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notification:
    """One message about one visit to one assistant."""

    id: int
    visit: str
    #: The visit's number of the day in its store, from 1.
    number: int
    store: str
    #: Where the visitor came in, and when.
    camera: str
    came_at: float
    assistant: int
    #: The private chat to send it to: the assistant's Telegram id.
    chat: int
    #: The name of the bot that sends it.
    bot: str
    language: str
    state: NotificationState
    prediction: Prediction | None
    #: All departments of the store, in the order of its settings; for "it was another one".
    departments: tuple[str, ...]
    created_at: float
    #: Nobody has taken the visit by then: it expires.
    expires_at: float
    #: Raised with every change of what the message should say, from 1.
    revision: int = 1
    #: The revision that the message shows; None before it is sent.
    shown: int | None = None
    #: Telegram's number of the message, once sent.
    message: int | None = None
    #: Who has taken the visit, where that is somebody else.
    met_by: str | None = None
    #: Until when it may be answered; None where this assistant has not taken the visit.
    answerable_until: float | None = None
    #: What the assistant said afterwards: a department's name, or `not a customer`; None if nothing yet.
    answer: str | None = None
    card: bytes | None = None


#: The answer that names no department.
NOT_A_CUSTOMER = "not a customer"


class NoticeKind(StrEnum):
    """What admins are told without asking; each at most once an hour about the same subject."""

    JOINED = "joined"
    BLOCKED = "blocked"
    CAMERA_LOST = "camera lost"
    CAMERA_BACK = "camera back"
    TRAINING_REFUSED = "training refused"
    CLASSIFIER_PROMOTED = "classifier promoted"
    SECOND_POLLER = "second poller"
    DISK_FULL = "disk full"
    DISK_ROOM = "disk has room"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A word to one admin."""

    id: int
    #: The admin's Telegram id.
    chat: int
    bot: str
    kind: NoticeKind
    language: str
    #: What the text of that kind wants filled in, by name.
    values: Mapping[str, str]
    created_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outbox:
    """What one bot has to do."""

    #: Changes whenever there may be something new; see `bot.registry.Registry.outbox`.
    version: int
    #: Those to be sent (`queued`), and those whose message shows less than it should (`shown < revision`).
    notifications: tuple[Notification, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class AssistantDay:
    """An assistant's own day so far, in the store's time zone."""

    #: Visits that this assistant took.
    met: int
    #: Visits that this assistant was told of.
    shown: int
    #: From being told until «Иду», seconds; None where nothing was taken.
    median_take_s: float | None
    #: Of the visits taken: those answered with a department, and those of them that were predicted right.
    answered: int
    right: int
    #: 24 numbers: visits taken in each hour of the day.
    met_by_hour: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreDay:
    """One day of a store."""

    #: The store's calendar day, `YYYY-MM-DD`.
    day: str
    visits: int
    #: Visits that somebody took.
    met: int
    #: From coming in until «Иду», seconds; None where nobody was met.
    median_take_s: float | None
    #: Visits answered with a department, and those of them that were predicted right.
    answered: int
    right: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreReport:
    """A store's last days."""

    store: str
    name: str
    #: Every day of the time asked for, the oldest first; the last one is today.
    days: tuple[StoreDay, ...]
    #: 24 numbers: visits in each hour, all days together.
    visits_by_hour: tuple[int, ...]
    #: Visits by the department that it was, or else was predicted, the most first.
    visits_by_department: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreOverview:
    """How a store is at this moment."""

    store: str
    waiting: int
    busy: int
    #: Of the store's calendar day so far.
    visits: int
    met: int
    #: The ids of the cameras that are out of reach.
    lost: tuple[str, ...] = ()


class Origin(StrEnum):
    """Where a sample's label came from."""

    CAMERA = "camera"
    ASSISTANT = "assistant"
    IMPORT = "import"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """An embedding with the department it belongs to."""

    #: The same id twice is one sample: a track's, a visit's, or a picture's sha256.
    id: str
    store: str
    department: str
    origin: Origin
    camera: str | None
    #: The store's calendar day, `YYYY-MM-DD`.
    day: str
    #: What must not be torn apart by a split: the track, the visit, the recording.
    group: str
    embedding: Embedding


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SampleTable:
    """Many samples of one store and one encoder as columns: row `i` of each is the same sample."""

    #: Shape `(N, dimensions)`; as stored, in half precision.
    vectors: NDArray[np.float16]
    encoder: str
    departments: tuple[str, ...]
    origins: tuple[Origin, ...]
    #: Empty where there was none.
    cameras: tuple[str, ...]
    days: tuple[str, ...]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.departments)
