from collections.abc import Collection

from actors.alarms import CameraWatch


class Watched:
    """Cameras whose states a test sets, and what the registry is told."""

    def __init__(self) -> None:
        self.states: dict[str, str | None] = {}
        self.lost: list[tuple[str, str]] = []
        self.watch = CameraWatch(self.look, self)

    async def look(self) -> dict:
        return {name: {"state": state} if state else None for name, state in self.states.items()}

    async def see_cameras(self, *, lost: Collection[tuple[str, str]]) -> None:
        self.lost = list(lost)

    async def after(self, **states: str | None) -> list[tuple[str, str]]:
        """One more look."""
        self.states |= {name.replace("_", "/"): state for name, state in states.items()}
        await self.watch.look()
        return self.lost


async def test_one_bad_look_is_no_alarm_two_are():
    cameras = Watched()
    assert await cameras.after(a_door="streaming", a_toys="streaming") == []
    assert await cameras.after(a_door="stalled") == []
    assert await cameras.after(a_door="lost") == [("a", "door")]
    assert await cameras.after(a_door="streaming") == []


async def test_whoever_does_not_answer_is_out_of_reach_too():
    cameras = Watched()
    await cameras.after(a_door=None)
    assert await cameras.after(a_door=None) == [("a", "door")]


async def test_a_new_attempt_is_neither_lost_nor_back():
    cameras = Watched()
    for state in ("connecting", "connecting", "connecting"):
        assert await cameras.after(a_door=state) == [], "at the start nobody is alarmed"
    for state in ("lost", "lost"):
        await cameras.after(a_door=state)
    for state in ("connecting", "lost", "connecting"):
        assert await cameras.after(a_door=state) == [("a", "door")]
    assert await cameras.after(a_door="streaming") == []


async def test_a_recording_that_is_over_is_no_alarm():
    cameras = Watched()
    for _ in range(3):
        assert await cameras.after(a_door="ended") == []
