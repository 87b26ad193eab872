"""Every error that Amiko raises on purpose. The text says what is wrong and what to do.

`exit_status` is what the command line ends with: 2 for wrong input, 1 where something failed while running.
"""


class AmikoError(Exception):
    """Base of all. `str(error)` is one or two lines, meant to be read by the person at the terminal."""

    exit_status = 1


class InputError(AmikoError):
    """What was handed in can't be used: a file, an option, a picture."""

    exit_status = 2


class SettingsError(InputError):
    """stores.yaml says something that can't be: file, key, value and what was expected."""


class SourceError(AmikoError):
    """A camera's source can't be read. Each kind has its own class, since the remedies differ."""

    exit_status = 2


class SourceNotFoundError(SourceError):
    """No such file, device, host or path on the camera."""


class SourceRefusedError(SourceError):
    """The host is there and nothing listens at that port."""


class SourceUnauthorizedError(SourceError):
    """The camera wants another user name or password."""


class SourceTimeoutError(SourceError):
    """The source accepted and then said nothing in time."""


class SourceUnreadableError(SourceError):
    """There is something, but no picture can be decoded from it."""


class NetworksError(AmikoError):
    """The weights are missing, damaged or can't be had."""

    exit_status = 2


class EncoderMismatchError(AmikoError):
    """Embeddings or a classifier made with another encoder than the one that runs."""


class ClassifierError(AmikoError):
    """A classifier's file is damaged, or it fails its self-test."""


class TrainingError(AmikoError):
    """There is nothing to train from, or a training already runs."""


class TrainingBusyError(TrainingError):
    """Another training of the same store is under way; it will be over in a minute."""


class StorageError(AmikoError):
    """The database can't be opened: damaged, made by a newer Amiko, or the disk is full."""

    exit_status = 2


class NotRegisteredError(AmikoError):
    """The person who writes to the bot is not on any store's staff list."""


class TelegramError(AmikoError):
    """Telegram (or the sandbox) refuses the bot: most often a wrong token."""

    exit_status = 2


class ClusterError(AmikoError):
    """Ray can't be started, joined or found."""


class LeaseHeldError(AmikoError):
    """Another copy of what only one may be is at work; `holder` names its process."""

    def __init__(self, text: str, holder: str = "") -> None:
        super().__init__(text, holder)
        self.holder = holder

    def __str__(self) -> str:
        return str(self.args[0])


class LeaseLostError(AmikoError):
    """Another copy of this one has taken over: this one has to end."""


class ServingError(AmikoError):
    """The networks can't be asked just now: their replicas are starting, or the application is not deployed."""


class OverloadError(ServingError):
    """The networks have more to do than they can: raise max_replicas in networks.scaling, or lower the cameras' fps."""


class LateError(ServingError):
    """A network did not answer in time; what it was asked is no longer wanted."""
