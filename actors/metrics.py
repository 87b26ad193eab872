"""What operators draw: a camera's status as Ray metrics, `ray_amiko_camera_…` on each node's metrics port."""

from typing import TYPE_CHECKING

from ray.util.metrics import Gauge

if TYPE_CHECKING:
    from actors.camera import CameraStatus

TAGS = ("store", "camera")


class CameraMetrics:
    """Publishes one camera's status."""

    def __init__(self, store: str, camera: str) -> None:
        tags = {"store": store, "camera": camera}

        def gauge(name: str, description: str) -> Gauge:
            made = Gauge(f"amiko_camera_{name}", description=description, tag_keys=TAGS)
            made.set_default_tags(tags)
            return made

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

    def publish(self, status: "CameraStatus") -> None:
        self._streaming.set(float(status["state"] == "streaming"))
        self._sees.set(float(status["picture"] == "good"))
        self._counts["frames"].set(status["frames"])
        self._counts["dropped"].set(status["dropped"])
        self._counts["late"].set(status["late"])
        self._counts["detections"].set(status["detections"])
        self._counts["visits"].set(status["visits"])
        self._counts["samples"].set(status["samples"])
