"""What the settings say of replicas reaches Ray Serve."""

import pytest
from pydantic import ValidationError

from deployments.application import application, deployment
from deployments.detector import PersonDetector
from domain.settings import Networks, Scaling


def test_scaling_and_shares_of_a_gpu() -> None:
    scaling = Scaling(
        min_replicas=2,
        max_replicas=5,
        target_ongoing_requests=7,
        upscale_delay_s=1,
        downscale_delay_s=2,
        num_cpus=0.5,
        num_gpus=0.25,
    )
    made = deployment(PersonDetector, "PersonDetector", scaling)
    assert made.ray_actor_options is not None
    assert made.ray_actor_options["num_cpus"] == 0.5
    assert made.ray_actor_options["num_gpus"] == 0.25
    autoscaling = made._deployment_config.autoscaling_config
    assert autoscaling is not None
    assert (autoscaling.min_replicas, autoscaling.max_replicas) == (2, 5)
    assert autoscaling.target_ongoing_requests == 7
    assert (autoscaling.upscale_delay_s, autoscaling.downscale_delay_s) == (1, 2)


def test_networks_stay_on_the_nodes_that_they_are_for() -> None:
    made = deployment(PersonDetector, "PersonDetector", Scaling(), {"store": "spb-1"})
    assert made.ray_actor_options is not None
    assert made.ray_actor_options["label_selector"] == {"store": "spb-1"}
    root = application(Networks(), {"store": "spb-1"})._bound_deployment
    for one in (root, *(bound._bound_deployment for bound in root.init_args)):
        assert one.ray_actor_options["label_selector"] == {"store": "spb-1"}, one.name


def test_a_large_batch_finds_room() -> None:
    made = deployment(PersonDetector, "PersonDetector", Scaling(max_batch_size=200))
    assert made.max_ongoing_requests >= 400


@pytest.mark.parametrize("wrong", [{"num_gpus": 1.5}, {"num_gpus": -1}, {"max_batch_size": 0}, {"min_replicas": 3}])
def test_what_can_not_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Scaling.model_validate(wrong)
