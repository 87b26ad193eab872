"""What a chain sets: pydantic models, in which unknown keys are refused. `domain.settings_file` reads them."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from domain.errors import SettingsError


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("expected a time zone such as Europe/Moscow") from error
    return name


def _inside_order(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = box
    if not (x1 < x2 and y1 < y2):
        raise ValueError("expected [x_min, y_min, x_max, y_max] with x_min < x_max and y_min < y_max")
    return box


def _address(value: object) -> object:
    if isinstance(value, str) and re.match(r"(?!(rtsps?|https?)://)\w+://", value, re.IGNORECASE):
        raise ValueError(
            "expected an address that begins with rtsp:// or http://, a file, a folder or a device's number"
        )
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _identity(value: str) -> str:
    # a store's is its node's label, too: Ray takes no other
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", value):
        raise ValueError("expected up to 63 of A-Z a-z 0-9 . _ - with a letter or a digit at both ends")
    return value


#: The name of the bot whose token is `telegram.token`.
MAIN = "main"
#: Of a store that says nothing of it, and of one that the settings don't have any more.
TIMEZONE = "Europe/Moscow"

Identity = Annotated[str, AfterValidator(_identity)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Pixel = Annotated[int, Field(ge=0)]
TimeZone = Annotated[str, AfterValidator(_zone)]
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Region = Annotated[tuple[Pixel, Pixel, Pixel, Pixel], AfterValidator(_inside_order)]
#: A file, a device number, or an rtsp/http address. Secret, since an address may hold a password.
Source = Annotated[SecretStr, BeforeValidator(_address)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Door(_Model):
    """A line across the doorway and a point on its inner side, in pixels of the camera's picture."""

    line: tuple[Pixel, Pixel, Pixel, Pixel]
    inside: tuple[Pixel, Pixel]

    @model_validator(mode="after")
    def _has_two_sides(self) -> Self:
        x1, y1, x2, y2 = self.line
        if (x1, y1) == (x2, y2):
            raise ValueError("the door's line needs two different ends")
        x, y = self.inside
        if (x2 - x1) * (y - y1) == (y2 - y1) * (x - x1):
            raise ValueError("the point inside lies on the door's line; take one on the shop's side of it")
        return self


class Camera(_Model):
    """One video source with a role."""

    id: Identity
    #: What people call it in messages; the id if not given.
    name: Name | None = None
    role: Literal["entrance", "department"]
    source: Source
    #: Department cameras only: whose visitors they see.
    department: Name | None = None
    #: Entrance cameras only: without it, whoever is present for a second is a visit.
    door: Door | None = None
    #: The part of the picture that is looked at; the whole one if not given.
    region: Region | None = None
    #: The detector's input size, pixels; 640 finds small people far away and costs about twice as much.
    size: Literal[416, 640] = 416
    #: Detections a second.
    fps: Annotated[float, Field(gt=0, le=30)] = 5
    #: Detections with a lower score are not believed, 0 to 1.
    score: Annotated[float, Field(gt=0, lt=1)] = 0.5
    #: Department cameras: seconds that a person stays before becoming a sample; most who pass want another one.
    dwell_s: Annotated[float, Field(ge=0)] = 5
    #: Entrance cameras: who went out less than so many seconds ago and comes back is no new visit.
    return_s: Annotated[float, Field(ge=0)] = 60

    @model_validator(mode="after")
    def _fits_its_role(self) -> Self:
        if self.role == "department" and self.department is None:
            raise ValueError("a camera with role department needs the key department")
        if self.role == "entrance" and self.department is not None:
            raise ValueError("a camera with role entrance has no department")
        if self.role == "department" and self.door is not None:
            raise ValueError("a camera with role department has no door")
        return self

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name or self.id


class Store(_Model):
    """One shop."""

    id: Identity
    name: Name
    timezone: TimeZone = TIMEZONE
    departments: Annotated[list[Name], Field(min_length=1)]
    cameras: list[Camera] = []
    #: For encoders that know texts (CLIP, SigLIP): sentences for a department that say who heads for it, until a
    #: classifier is trained. Without them there are ones that the department's name suggests.
    prompts: dict[Name, Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]] = {}
    #: How departments are called in a person's language; without one they are called as above.
    department_names: dict[Name, dict[Literal["ru", "en"], Name]] = {}
    #: The bot of `telegram.bots` that this store's assistants talk to; `main` is the one of `telegram.token`.
    bot: Identity = MAIN
    #: Who hears of a visitor: everyone who waits, or one after the other.
    notify: Literal["all", "one"] = "all"
    #: With `notify: one`: seconds without an answer after which the next one hears of the visitor as well.
    offer_s: Annotated[float, Field(gt=0)] = 15
    #: Seconds after which a visit that nobody has taken is over.
    notification_lifetime_s: Annotated[float, Field(gt=0)] = 60
    #: The visitor's picture in the message: with the face made unrecognisable, as it is, or none at all.
    card: Literal["blurred", "photo", "none"] = "none"
    #: On a cluster: those at headquarters, shared, or the store's own, which a cut link does not take away.
    networks: Literal["central", "local"] = "central"

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for what, names in (("camera id", [c.id for c in self.cameras]), ("department", self.departments)):
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"{what} {min(twice)!r} stands twice")
        if strange := sorted(self.prompts.keys() - set(self.departments)):
            raise ValueError(
                f"prompts for {strange[0]!r}, which is not one of the departments: {', '.join(self.departments)}"
            )
        for camera in self.cameras:
            if camera.department is not None and camera.department not in self.departments:
                raise ValueError(
                    f"camera {camera.id!r} belongs to the department {camera.department!r},"
                    f" which is not one of {', '.join(self.departments)}"
                )
        if unknown := self.department_names.keys() - set(self.departments):
            raise ValueError(
                f"department_names names {min(unknown)!r}, which is not one of {', '.join(self.departments)}"
            )
        return self

    def department(self, department: str, language: str) -> str:
        """How a department is called in `ru` or `en`."""
        for spoken, name in self.department_names.get(department, {}).items():
            if spoken == language:
                return name
        return department


class AnotherBot(_Model):
    """A bot beside the one of `telegram.token`."""

    #: From @BotFather.
    token: SecretStr


class Telegram(_Model):
    """The bots, who runs the chain, and where the Bot API is."""

    #: From @BotFather.
    token: SecretStr
    #: Further bots by name: Telegram allows each about 30 messages a second. Stores name theirs with `bot`.
    bots: dict[Identity, AnotherBot] = {}
    #: Telegram ids of the people who may invite, see how the stores are, and hear of alarms.
    admins: list[int] = []
    #: Any server that speaks the Bot API.
    api_url: str = "https://api.telegram.org"

    @model_validator(mode="after")
    def _bots_differ(self) -> Self:
        if MAIN in self.bots:
            raise ValueError(f"{MAIN} is the name of the bot of telegram.token; give this one another")
        tokens = [token.get_secret_value() for token in self.tokens.values()]
        if len(set(tokens)) < len(tokens):
            raise ValueError("two bots have the same token; each needs its own from @BotFather")
        return self

    @property
    def tokens(self) -> dict[str, SecretStr]:
        """Each bot's, by name."""
        return {MAIN: self.token} | {name: bot.token for name, bot in self.bots.items()}


class Scaling(_Model):
    """How many replicas of a network Ray Serve runs, what each may use, and how calls become batches."""

    min_replicas: Annotated[int, Field(ge=1)] = 1
    max_replicas: Annotated[int, Field(ge=1)] = 2
    #: Requests under way per replica that autoscaling aims at.
    target_ongoing_requests: Annotated[float, Field(gt=0)] = 4
    #: Seconds that the load must last before replicas are added, and taken away.
    upscale_delay_s: Annotated[float, Field(ge=0)] = 30
    downscale_delay_s: Annotated[float, Field(ge=0)] = 600
    #: Pictures of several cameras that share a pass: as many as wait when it begins. On a GPU 16 and more are worth it.
    max_batch_size: Annotated[int, Field(ge=1, le=256)] = 8
    #: Of a core and of a GPU, for each replica, by Ray's book-keeping. A detector can use a whole core; but on a shop's
    #: two cores replicas that ask for a whole one each would wait for ever for their place.
    num_cpus: Annotated[float, Field(ge=0)] = 0.2
    #: A part of one GPU (0.25: four replicas share it), or whole ones.
    num_gpus: Annotated[float, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas is larger than max_replicas")
        if self.num_gpus > 1 and self.num_gpus % 1:
            raise ValueError(f"num_gpus {self.num_gpus:g}: expected a part of one GPU (0 to 1) or whole ones")
        return self


class ScalingOfNetworks(_Model):
    """Each network by itself."""

    detector: Scaling = Scaling()
    encoder: Scaling = Scaling()
    classifier: Scaling = Scaling()


class Network(_Model):
    """Which network, and how it is run. In stores.yaml a plain string is the checkpoint alone."""

    #: An embedded network's name, a directory, a hub id such as `openai/clip-vit-large-patch14-336`, or an
    #: Ultralytics `.pt` file.
    checkpoint: Annotated[str, Field(min_length=1)]
    #: Of a hub id: branch, tag or commit; a commit is the same network for ever.
    revision: str | None = None
    #: Pickled weights can run anything when they are read; safetensors can't.
    allow_pickle: bool = False
    #: `auto` is onnxruntime on a CPU and torch on a GPU.
    runtime: Literal["auto", "torch", "onnxruntime"] = "auto"
    #: `auto` is a GPU where there is one; `cuda` and `cuda:1` insist on it.
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$")] = "auto"
    #: Half precision; on a GPU alone, since CPUs are slower with it.
    half: bool = True
    #: torch.compile: up to a minute more at the start, some per cent faster afterwards.
    compile: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_a_string(cls, value: object) -> object:
        return {"checkpoint": value} if isinstance(value, str) else value

    @field_validator("checkpoint")
    @classmethod
    def _a_directory_wherever_it_is_read(cls, value: str) -> str:
        # replicas have other working directories
        path = Path(value).expanduser()
        return str(path.resolve()) if path.exists() or value.startswith(("~", ".")) else value

    @model_validator(mode="after")
    def _runs_there(self) -> Self:
        if self.runtime == "onnxruntime" and self.device.startswith("cuda"):
            raise ValueError("onnxruntime runs on the CPU here; set runtime: torch for a GPU")
        return self


DETECTOR = Network(checkpoint="yolox-nano")
ENCODER = Network(checkpoint="efficientnet-lite0")


class Networks(_Model):
    """Which networks run, and how many replicas of each."""

    detector: Network = DETECTOR
    encoder: Network = ENCODER
    scaling: ScalingOfNetworks = ScalingOfNetworks()


class SampleWeights(_Model):
    """How much a sample counts in training, by where its label came from."""

    camera: Annotated[float, Field(ge=0, le=100)] = 1
    #: Worth most: they are seen at the door, as predictions are.
    assistant: Annotated[float, Field(ge=0, le=100)] = 4
    #: Named `import` in stores.yaml, a word that Python keeps for itself.
    imported: Annotated[float, Field(ge=0, le=100, alias="import")] = 1


class Training(_Model):
    """When classifiers are trained, and how long what they learn from is kept."""

    #: The daily training, in each store's time zone.
    at: ClockTime = "10:31"
    keep_samples_days: Annotated[int, Field(ge=1)] = 90
    #: Files of classifiers kept for each store, beside the one in use.
    keep_classifiers: Annotated[int, Field(ge=1)] = 5
    weights: SampleWeights = SampleWeights()


class Settings(_Model):
    """All that stores.yaml says. Stores and bots have names of their own, and each store a bot that is there."""

    telegram: Telegram
    networks: Networks = Networks()
    training: Training = Training()
    stores: Annotated[list[Store], Field(min_length=1)]

    @model_validator(mode="after")
    def _store_ids_differ(self) -> Self:
        ids = [store.id for store in self.stores]
        if twice := {id_ for id_ in ids if ids.count(id_) > 1}:
            raise ValueError(f"store id {min(twice)!r} stands twice")
        for store in self.stores:
            if store.bot not in self.telegram.tokens:
                raise ValueError(
                    f"store {store.id!r} names the bot {store.bot!r}; there are: {', '.join(self.telegram.tokens)}"
                )
        return self

    def store(self, store_id: str | None) -> Store:
        """The store with that id; the only one where no id is given.

        Raises SettingsError for an id that is not there, and for none where there are several.
        """
        ids = ", ".join(store.id for store in self.stores)
        if store_id is None:
            if len(self.stores) > 1:
                raise SettingsError(f"there are several stores: say which with --store ({ids})")
            return self.stores[0]
        for store in self.stores:
            if store.id == store_id:
                return store
        raise SettingsError(f"no store {store_id!r} in the settings; there are: {ids}")
