"""Which kind of network the settings mean, and whether it is there: looked at before anything is started."""

from typing import Literal

from domain.errors import NetworksError
from domain.settings import Network, Networks
from networks import hub, hub_detector, hub_encoder, ultralytics_detector, weights

Kind = Literal["embedded", "hub", "ultralytics"]


def kind_of(network: Network) -> Kind:
    """What a checkpoint is by its name: an embedded network, one of the hub's format, or Ultralytics' file."""
    name = network.checkpoint
    if name.endswith(".pt"):
        return "ultralytics"
    return "hub" if "/" in name or hub.is_directory(name) else "embedded"


def check_detector(network: Network) -> None:
    """Raises NetworksError, without loading anything, where the detector can't be loaded."""
    match kind_of(network):
        case "embedded":
            weights.check(weights.embedded(network.checkpoint, weights.DETECTOR))
        case "hub":
            hub_detector.people(hub.find(network))
        case "ultralytics":
            ultralytics_detector.find(network)


def check_encoder(network: Network) -> None:
    """Raises NetworksError, without loading anything, where the encoder can't be loaded."""
    match kind_of(network):
        case "embedded":
            weights.check(weights.embedded(network.checkpoint, weights.ENCODER))
        case "hub":
            hub_encoder.family_of(hub.find(network))
        case "ultralytics":
            raise NetworksError(
                f"{network.checkpoint}: Ultralytics' networks find people and describe none; name another encoder"
            )


def check_names(networks: Networks) -> None:
    """Raises NetworksError where the settings name a network that can't be, wherever the weights are."""
    for network, does in ((networks.detector, weights.DETECTOR), (networks.encoder, weights.ENCODER)):
        if kind_of(network) == "embedded":
            weights.embedded(network.checkpoint, does)
    if kind_of(networks.encoder) == "ultralytics":
        check_encoder(networks.encoder)


def identity_of(network: Network) -> str:
    """The identity that the encoder will have, from its files alone. Raises NetworksError."""
    if kind_of(network) == "embedded":
        return weights.load(weights.embedded(network.checkpoint, weights.ENCODER))[1]
    return hub.find(network).identity()


def knows_texts(network: Network) -> bool:
    """Whether the encoder can compare crops with texts. Raises NetworksError."""
    return kind_of(network) == "hub" and hub_encoder.family_of(hub.find(network)).text is not None


def warning(networks: Networks) -> str | None:
    """What must be known before these networks run; None where it is nothing."""
    ultralytics = kind_of(networks.detector) == "ultralytics"
    return f"{networks.detector.checkpoint}: {ultralytics_detector.LICENCE}" if ultralytics else None


def describe(networks: Networks) -> list[dict[str, str | bool | None]]:
    """What `amiko networks list --settings` shows of networks that are not embedded; JSON-ready."""
    found: list[dict[str, str | bool | None]] = []
    for network, does, check in (
        (networks.detector, weights.DETECTOR, check_detector),
        (networks.encoder, weights.ENCODER, check_encoder),
    ):
        kind = kind_of(network)
        if kind == "embedded":
            continue
        path = problem = None
        try:
            check(network)
            path = str(ultralytics_detector.find(network) if kind == "ultralytics" else hub.find(network).folder)
        except NetworksError as error:
            problem = str(error)
        licence = "AGPL-3.0" if kind == "ultralytics" else "its makers'"
        found.append(
            {
                "name": network.checkpoint,
                "does": does,
                "licence": licence,
                "path": path,
                "sound": problem is None,
                "problem": problem,
            }
        )
    return found
