"""The states of a camera's connection, without a camera."""

from hypothesis import given
from hypothesis import strategies as st

from vision.connection import (
    FIRST_FRAME_S,
    LONGEST_PAUSE_S,
    PAUSE_S,
    STALLED_AFTER_S,
    Action,
    CaptureState,
    Connection,
)


def streaming() -> Connection:
    connection = Connection()
    assert connection.tick(0.0) is Action.OPEN
    connection.frame(1.0)
    return connection


def test_begins_with_an_attempt_and_streams_from_the_first_frame() -> None:
    connection = Connection()
    assert connection.state is CaptureState.CONNECTING
    assert connection.tick(0.0) is Action.OPEN
    assert connection.tick(0.1) is Action.NONE
    assert connection.state is CaptureState.CONNECTING
    connection.frame(1.0)
    assert connection.state is CaptureState.STREAMING


def test_without_a_frame_for_five_seconds_it_is_stalled_and_reconnects() -> None:
    connection = streaming()
    assert connection.tick(1.0 + STALLED_AFTER_S - 0.01) is Action.NONE
    assert connection.tick(1.0 + STALLED_AFTER_S) is Action.ABANDON
    assert connection.state is CaptureState.STALLED
    assert "no frame for 5 s" in connection.reason
    assert connection.tick(1.0 + STALLED_AFTER_S + PAUSE_S - 0.01) is Action.NONE
    assert connection.tick(1.0 + STALLED_AFTER_S + PAUSE_S) is Action.OPEN
    connection.frame(9.0)
    assert connection.state is CaptureState.STREAMING


def test_an_attempt_that_hangs_is_abandoned() -> None:
    connection = Connection()
    assert connection.tick(0.0) is Action.OPEN
    assert connection.tick(FIRST_FRAME_S - 0.01) is Action.NONE
    assert connection.tick(FIRST_FRAME_S) is Action.ABANDON
    assert connection.state is CaptureState.LOST


def test_the_reason_of_a_failure_is_told() -> None:
    connection = Connection()
    connection.tick(0.0)
    connection.failed(0.5, "wrong password")
    assert (connection.state, connection.reason) == (CaptureState.LOST, "wrong password")


def test_pauses_grow_up_to_the_longest_and_begin_anew_after_a_frame() -> None:
    connection = Connection()
    now, pauses = 0.0, []
    for _ in range(12):
        assert connection.tick(now) is Action.OPEN
        connection.failed(now, "refused")
        asked = now
        while connection.tick(now) is not Action.OPEN:
            now += 0.25
        pauses.append(now - asked)
        connection.failed(now, "refused")
        now += LONGEST_PAUSE_S
    assert pauses[0] == PAUSE_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S
    assert connection.tick(now) is Action.OPEN
    connection.frame(now)
    connection.failed(now, "broke off")
    assert connection.tick(now + PAUSE_S) is Action.OPEN


def test_after_the_end_nothing_happens_any_more_and_the_first_reason_stays() -> None:
    connection = streaming()
    connection.end("the recording is over")
    connection.end("closed")
    connection.frame(2.0)
    connection.failed(2.0, "broke off")
    assert connection.tick(100.0) is Action.NONE
    assert (connection.state, connection.reason) == (CaptureState.ENDED, "the recording is over")


@given(st.lists(st.sampled_from(["frame", "fail", "silence"]), max_size=60))
def test_never_gives_up_and_never_has_two_attempts(events: list[str]) -> None:
    """Whatever happens, an attempt is under way or begins within the longest pause."""
    connection, now, under_way = Connection(), 0.0, False
    for event in [*events, "silence"]:
        if event == "frame" and under_way:
            connection.frame(now)
        elif event == "fail" and under_way:
            connection.failed(now, "broke off")
            under_way = False
        opened_at = now
        end = now + FIRST_FRAME_S + LONGEST_PAUSE_S + 1 if event == "silence" else now + 0.2
        while now < end:
            action = connection.tick(now)
            if action is Action.OPEN:
                assert not under_way
                under_way, opened_at = True, now
            elif action is Action.ABANDON:
                assert under_way
                under_way = False
            now += 0.2
        if event == "silence":
            assert under_way or now - opened_at <= FIRST_FRAME_S + LONGEST_PAUSE_S + 2
