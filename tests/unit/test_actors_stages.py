"""How long stages take: heard by the metrics, kept for the status, a visit's own apart."""

from actors.stages import Stage, Stages, Trace


def test_each_stage_is_heard_and_kept() -> None:
    heard: list[tuple[Stage, float]] = []
    stages = Stages(lambda stage, seconds: heard.append((stage, seconds)))
    for milliseconds in range(1, 101):
        stages.took("detect", milliseconds / 1000)
    stages.took("track", 0.002)
    assert heard[0] == ("detect", 0.001)
    assert len(heard) == 101
    assert stages.percentiles_ms() == {"detect": {"p50": 50.5, "p95": 95.0}, "track": {"p50": 2.0, "p95": 2.0}}


def test_two_visitors_of_one_frame_share_its_way_and_have_their_own_from_there_on() -> None:
    frame = Trace(Stages())
    frame.passed("capture", 0.003)
    frame.passed("detect")
    one, other = frame.further(), frame.further()
    one.passed("describe", 0.02)
    other.passed("describe", 0.03)
    assert frame.seconds.keys() == {"capture", "detect"}
    assert one.seconds == frame.seconds | {"describe": 0.02}
    assert other.seconds == frame.seconds | {"describe": 0.03}
    assert frame.seconds["detect"] >= 0
