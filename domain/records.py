"""Records: the design's words, frozen. Times are seconds since 1970 (UTC) unless a field says otherwise."""

from dataclasses import dataclass
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
    #: The version of the classifier that said so.
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


class NotificationState(StrEnum):
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
    store: str
    assistant: int
    #: The private chat to send it to: the assistant's Telegram id.
    chat: int
    language: str
    state: NotificationState
    prediction: Prediction | None
    #: All departments of the store, in the order of its settings; for "it was another one".
    departments: tuple[str, ...]
    created_at: float
    #: Not delivered by then: it expires.
    expires_at: float
    #: Telegram's number of the message, once sent.
    message: int | None = None
    #: What the assistant said afterwards: a department's name, or `not a customer`; None if nothing yet.
    answer: str | None = None
    card: bytes | None = None


#: The answer that names no department.
NOT_A_CUSTOMER = "not a customer"


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
