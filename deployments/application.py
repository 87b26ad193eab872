"""The Serve application `networks`: the three deployments, bound and scaled as the settings say."""

from collections.abc import Mapping
from typing import Any

from ray import serve
from ray.serve import Application, Deployment
from ray.serve.handle import DeploymentHandle

from deployments import detector, encoder
from deployments.classifier import DepartmentClassifier
from deployments.detector import PersonDetector
from deployments.encoder import VisitorEncoder
from deployments.loopback import stay_on_loopback
from domain.settings import Networks, Scaling

#: A replica's share of a core for Ray's book-keeping. A detector can use a whole one; but on a shop's two cores
#: replicas that ask for a whole one each would wait for ever for their place.
REPLICA_CPUS = 0.2
#: Requests of one caller that wait for a replica; a camera has one under way, so that more means trouble.
MAX_QUEUED = 64
CLASSIFIER_BATCH = 32


class RootClassifier(DepartmentClassifier):
    """Serve starts what an application's root is bound to, so the root has the other two handed in."""

    def __init__(self, _detector: DeploymentHandle[Any], _encoder: DeploymentHandle[Any]) -> None:
        stay_on_loopback()
        super().__init__()


def application(networks: Networks, labels: Mapping[str, str] | None = None) -> Application:
    """PersonDetector, VisitorEncoder and DepartmentClassifier; where labels are given, on nodes that have them."""
    scaling = networks.scaling
    on = {"label_selector": dict(labels)} if labels else {}
    people = _deployment(PersonDetector, "PersonDetector", scaling.detector, detector.BATCH, on)
    visitors = _deployment(VisitorEncoder, "VisitorEncoder", scaling.encoder, encoder.BATCH, on)
    departments = _deployment(RootClassifier, "DepartmentClassifier", scaling.classifier, CLASSIFIER_BATCH, on)
    return departments.bind(people.bind(networks.detector), visitors.bind(networks.encoder))


def _deployment(made_of: type, name: str, scaling: Scaling, batch: int, on: Mapping[str, object]) -> Deployment:
    deployment: Deployment = serve.deployment(
        name=name,
        autoscaling_config=scaling.model_dump(),
        # one batch under way, one gathering
        max_ongoing_requests=2 * batch,
        max_queued_requests=MAX_QUEUED,
        ray_actor_options={"num_cpus": REPLICA_CPUS, **on},
    )(made_of)
    return deployment
