"""The Serve application `networks`: the three deployments, bound and scaled as the settings say."""

from collections.abc import Mapping
from typing import Any

from ray import serve
from ray.serve import Application, Deployment
from ray.serve.handle import DeploymentHandle

from deployments.classifier import DepartmentClassifier
from deployments.detector import PersonDetector
from deployments.encoder import VisitorEncoder
from deployments.ports import keep_to_own_address
from domain.names import DEPARTMENT_CLASSIFIER, PERSON_DETECTOR, VISITOR_ENCODER
from domain.settings import Networks, Scaling

#: Requests of one caller that wait for a replica; a camera has one under way, so that more means trouble.
MAX_QUEUED = 64
#: Requests that a replica takes in; more than cameras ask at a time, since a refusal costs the replica more than a
#: request that waits, and one whose time is over is taken out again.
MAX_ONGOING = 256


class RootClassifier(DepartmentClassifier):
    """Serve starts what an application's root is bound to, so the root has the other two handed in."""

    def __init__(self, _detector: DeploymentHandle[Any], _encoder: DeploymentHandle[Any]) -> None:
        keep_to_own_address()
        super().__init__()


def application(networks: Networks, labels: Mapping[str, str] | None = None) -> Application:
    """PersonDetector, VisitorEncoder and DepartmentClassifier; where labels are given, on nodes that have them."""
    scaling = networks.scaling
    people = deployment(PersonDetector, PERSON_DETECTOR, scaling.detector, labels)
    visitors = deployment(VisitorEncoder, VISITOR_ENCODER, scaling.encoder, labels)
    departments = deployment(RootClassifier, DEPARTMENT_CLASSIFIER, scaling.classifier, labels)
    return departments.bind(
        people.bind(networks.detector, scaling.detector),
        visitors.bind(networks.encoder, scaling.encoder),
    )


def deployment(made_of: type, name: str, scaling: Scaling, labels: Mapping[str, str] | None = None) -> Deployment:
    """One of the three, without its network yet."""
    on = {"label_selector": dict(labels)} if labels else {}
    made: Deployment = serve.deployment(
        name=name,
        autoscaling_config=scaling.model_dump(
            include={
                "min_replicas",
                "max_replicas",
                "target_ongoing_requests",
                "upscale_delay_s",
                "downscale_delay_s",
            }
        ),
        max_ongoing_requests=max(MAX_ONGOING, 2 * scaling.max_batch_size),
        max_queued_requests=MAX_QUEUED,
        # a line for each request that nobody reads costs a tenth of what a request costs
        logging_config={"encoding": "JSON", "log_level": "WARNING", "enable_access_log": False},
        ray_actor_options={"num_cpus": scaling.num_cpus, "num_gpus": scaling.num_gpus, **on},
    )(made_of)
    return made
