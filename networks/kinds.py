"""Which kind of network the settings mean, and whether it is there: looked at before anything is started."""

from typing import Literal

from domain.errors import NetworksError
from domain.settings import Network
from networks import hub, hub_detector, hub_encoder, ultralytics_detector, weights

Kind = Literal["embedded", "hub", "ultralytics"]


def kind_of(network: Network) -> Kind:
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
            raise NetworksError(f"{network.checkpoint}: Ultralytics' networks find people and describe none")


def identity_of(network: Network) -> str:
    """The identity that the encoder will have, from its files alone. Raises NetworksError."""
    if kind_of(network) == "embedded":
        return weights.load(weights.embedded(network.checkpoint, weights.ENCODER))[1]
    return hub.find(network).identity()


def knows_texts(network: Network) -> bool:
    """Whether the encoder can compare crops with texts. Raises NetworksError."""
    return kind_of(network) == "hub" and hub_encoder.family_of(hub.find(network)).text is not None
