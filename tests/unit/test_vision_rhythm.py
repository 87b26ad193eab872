"""Which of the frames that come are looked at."""

import pytest

from vision.rhythm import Rhythm


@pytest.mark.parametrize(("coming", "wanted", "taken"), [(25, 5, 50), (10, 5, 50), (5, 5, 50), (3, 5, 30)])
def test_as_many_as_are_wanted_or_all_there_are(coming: float, wanted: float, taken: int) -> None:
    rhythm, beats = Rhythm(wanted), []
    for number in range(int(10 * coming)):
        at = number / coming + 1e-9
        if rhythm.calls(at):
            rhythm.beat(at)
            beats.append(at)
    assert len(beats) == pytest.approx(taken, abs=1)
