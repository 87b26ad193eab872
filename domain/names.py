"""The names by which processes find each other. Each is made here and nowhere else."""

#: Ray's namespace of all actors.
NAMESPACE = "amiko"
#: The actors that there is one of.
STORES, REGISTRY, TRAINER, DISPATCHER = "stores", "registry", "trainer", "dispatcher"
#: What goes before a camera's store and id in its actor's name.
CAMERA = "camera"
#: The lease of who polls Telegram and sends. A camera's lease has the name of its actor.
BOT_LEASE = "bot"

#: The three deployments of a Serve application.
PERSON_DETECTOR, VISITOR_ENCODER, DEPARTMENT_CLASSIFIER = "PersonDetector", "VisitorEncoder", "DepartmentClassifier"
#: The Serve application of the networks that all stores share.
CENTRAL = "networks"


def camera_actor(store: str, camera: str) -> str:
    """The name of a camera's actor, and of its lease."""
    return f"{CAMERA}/{store}/{camera}"


def camera_of(actor: str) -> tuple[str, str] | None:
    """The store and the id of the camera whose actor that is; None for an actor that is no camera."""
    kind, _, place = actor.partition("/")
    store, _, camera = place.partition("/")
    return (store, camera) if kind == CAMERA and camera else None


def local_application(store: str) -> str:
    """The Serve application of a store's own networks."""
    return f"{CENTRAL}-{store}"


def store_of(application: str) -> str | None:
    """Whose networks a Serve application has; None for those that all stores share."""
    return application.removeprefix(f"{CENTRAL}-") if application != CENTRAL else None


def is_application(name: str) -> bool:
    """Whether a Serve application is one of Amiko's."""
    return name == CENTRAL or name.startswith(f"{CENTRAL}-")
