"""A network that turns out to be unfit in its replica: Serve keeps the reason as text, and people read it."""

from amiko.applying import why_not
from domain.errors import ClusterError, NetworksError

TOLD = "Deploying application networks failed: Failed to update the deployments ['VisitorEncoder']."
#: As Ray Serve 2.60 keeps it, shortened in the middle.
MESSAGE = """The deployment failed to start 3 times in a row. See controller logs for details. Error:
\x1b[36mray::ServeReplica:networks:VisitorEncoder.initialize_and_get_metadata()\x1b[39m (pid=9069, ip=127.0.0.1)
    raise RuntimeError(traceback.format_exc()) from None
RuntimeError: Traceback (most recent call last):
  File "networks/hub.py", line 72, in load
    raise NetworksError(
domain.errors.NetworksError: /models/clip: the weights are of another architecture than config.json says (clip)"""


def test_the_replicas_own_words_are_told() -> None:
    error = why_not(TOLD, ["", MESSAGE, ""])
    assert isinstance(error, NetworksError)
    assert str(error) == "/models/clip: the weights are of another architecture than config.json says (clip)"


def test_a_replica_that_was_killed_is_told_of_as_memory() -> None:
    assert "memory" in str(why_not(TOLD, ["The actor died: worker died unexpectedly; ray.exceptions.OutOfMemoryError"]))


def test_anything_else_keeps_what_serve_says() -> None:
    error = why_not(TOLD, [""])
    assert isinstance(error, ClusterError)
    assert TOLD in str(error)
