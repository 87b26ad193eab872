"""What operators draw: Ray metrics, `ray_amiko_…` on each node's metrics port. deploy/grafana and alerts read them."""

from collections.abc import Iterable, Mapping

from ray.util.metrics import Counter, Gauge, Histogram

from actors.stages import Stage
from actors.status import CameraStatus
from domain.records import AssistantState

TAGS = ("store", "camera")
#: Seconds: a stage takes a millisecond to some tens; a network that is late or out of reach, seconds.
STAGE_BOUNDARIES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10]


class CameraMetrics:
    """Publishes one camera's status."""

    def __init__(self, store: str, camera: str) -> None:
        tags = {"store": store, "camera": camera}

        def gauge(name: str, description: str) -> Gauge:
            made = Gauge(f"amiko_camera_{name}", description=description, tag_keys=TAGS)
            made.set_default_tags(tags)
            return made

        self._stages = Histogram(
            "amiko_camera_stage_seconds",
            description="how long a stage of a frame's or a visitor's way takes; see actors/stages.py",
            boundaries=STAGE_BOUNDARIES,
            tag_keys=(*TAGS, "stage"),
        )
        self._stages.set_default_tags(tags)
        self._sent = gauge("sent_bytes", "bytes of the pictures that went to the networks")
        self._kept = gauge("kept", "visits that headquarters have not heard of yet")
        self._streaming = gauge("streaming", "1 while frames come, else 0")
        self._sees = gauge("sees", "1 while the picture is good, 0 while it is frozen, covered or dark")
        self._counts = {
            "frames": gauge("frames", "frames that came since the start"),
            "dropped": gauge("dropped", "frames of a live source that nobody had time for"),
            "late": gauge("late", "frames that the detector did not answer for in time"),
            "detections": gauge("detections", "pictures that went to the detector"),
            "visits": gauge("visits", "visits that were announced"),
            "samples": gauge("samples", "samples that were kept"),
        }

    def publish(self, status: CameraStatus, *, kept: int, sent_bytes: int) -> None:
        self._sent.set(sent_bytes)
        self._kept.set(kept)
        self._streaming.set(float(status["state"] == "streaming"))
        self._sees.set(float(status["picture"] == "good"))
        self._counts["frames"].set(status["frames"])
        self._counts["dropped"].set(status["dropped"])
        self._counts["late"].set(status["late"])
        self._counts["detections"].set(status["detections"])
        self._counts["visits"].set(status["visits"])
        self._counts["samples"].set(status["samples"])

    def took(self, stage: Stage, seconds: float) -> None:
        """A stage was passed, in seconds."""
        self._stages.observe(seconds, {"stage": stage})


#: Seconds: a message after some hundredths is what can be had, a minute is a notification's lifetime.
BOUNDARIES = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]


class RegistryMetrics:
    """Who waits, what the outbox holds, and how long visitors took to become messages."""

    def __init__(self, stores: Iterable[str]) -> None:
        self._stores = tuple(stores)
        self._assistants = Gauge("amiko_assistants", description="assistants by state", tag_keys=("store", "state"))
        self._visits = Counter("amiko_visits", description="visits since the start", tag_keys=("store",))
        self._notifications = Counter(
            "amiko_notifications", description="notifications by what they came to", tag_keys=("store", "state")
        )
        self._age = Gauge("amiko_outbox_age_seconds", description="since the oldest unsent notification was made")
        self._seconds = Histogram(
            "amiko_visit_seconds",
            description="from the crossing until headquarters heard, from there to the message, and all of it",
            boundaries=BOUNDARIES,
            tag_keys=("store", "stage"),
        )

    def publish(
        self,
        staff: Mapping[tuple[str, str], int],
        happened: Mapping[tuple[str, str | None], int],
        *,
        outbox_age_s: float,
    ) -> None:
        """`staff`: how many of each store are in each state; `happened`: since the last call, see `storage.tally`."""
        self._age.set(outbox_age_s)
        # again each time: Ray forgets a gauge that is not; so what is none is left out, but for who waits
        waiting = dict.fromkeys(((store, AssistantState.WAITING.value) for store in self._stores), 0)
        for (store, state), count in (waiting | dict(staff)).items():
            self._assistants.set(count, {"store": store, "state": state})
        for (store, came_to), times in happened.items():
            if came_to is None:
                self._visits.inc(times, {"store": store})
            else:
                self._notifications.inc(times, {"store": store, "state": came_to})

    def took(self, store: str, stage: str, seconds: float) -> None:
        """`stage`: heard, delivered or message."""
        self._seconds.observe(max(0.0, seconds), {"store": store, "stage": stage})


class DispatcherMetrics:
    """The line to Telegram."""

    def __init__(self) -> None:
        self._healthy = Gauge("amiko_bot_healthy", description="1 while the bot is in touch with Telegram, else 0")
        self._answered = Gauge("amiko_bot_poll_age_seconds", description="since Telegram last answered a poll")
        self._errors = Gauge(
            "amiko_telegram_errors", description="errors of Telegram's since the start", tag_keys=("kind",)
        )

    def publish(self, *, healthy: bool, answered_s_ago: float | None, errors: Mapping[str, int]) -> None:
        self._healthy.set(float(healthy))
        if answered_s_ago is not None:
            self._answered.set(answered_s_ago)
        for kind, count in errors.items():
            self._errors.set(count, {"kind": kind})


class TrainerMetrics:
    """What each store's third network is worth."""

    def __init__(self) -> None:
        def gauge(name: str, description: str) -> Gauge:
            return Gauge(f"amiko_{name}", description=description, tag_keys=("store",))

        self._version = gauge("classifier_version", "the classifier in use; 0 before the first")
        self._score = gauge("classifier_score", "balanced accuracy on days it had not seen, 0 to 1")
        self._refused = gauge("classifier_refused", "trainings in a row whose classifier was not better")
        self._samples = gauge("samples", "samples to learn from")

    def publish(self, store: str, *, version: int, score: float | None, refused: int, samples: int) -> None:
        tags = {"store": store}
        self._version.set(version, tags)
        self._refused.set(refused, tags)
        self._samples.set(samples, tags)
        if score is not None:
            self._score.set(score, tags)
