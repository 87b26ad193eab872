"""The soak's judgement notices what leaks, and nothing else."""

import json
import os
from pathlib import Path

import av
import numpy as np
import pytest
from support.recordings import moving_pictures, write_video

from benchmarks.soak import hasten
from benchmarks.soak_report import main
from benchmarks.soak_series import TOGETHER, Growth, growing, judge, judge_all, look, read, warm_up_s

#: Looks of a two-hour run after its warm-up.
AT = np.arange(1800, 7200, 10.0)


def memory(values: np.ndarray) -> Growth:
    return judge(list(AT), [float(value) for value in values], "own_mb")


def noise(size: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, size, len(AT))


def test_a_level_with_noise_does_not_grow() -> None:
    assert not memory(200 + noise(5)).grows


def test_a_slow_leak_grows() -> None:
    # 11 MB an hour within noise of 5 MB
    seen = memory(200 + noise(5) + (AT - AT[0]) * 11 / 3600)
    assert seen.grows
    assert seen.added == pytest.approx(16.5, abs=3)


def test_what_is_within_five_per_cent_does_not() -> None:
    assert not memory(200 + noise(1) + (AT - AT[0]) * 5 / 3600).grows


def test_a_step_that_comes_late_grows() -> None:
    assert memory(200 + noise(1) + 30 * (AT > 6600)).grows


def test_a_single_peak_does_not() -> None:
    values = 200 + noise(1)
    values[300:310] += 500
    assert not memory(values).grows


def test_what_goes_away_again_does_not() -> None:
    assert not memory(200 + noise(1) + 30 * ((AT > 3000) & (AT < 4000))).grows


@pytest.mark.parametrize(("added", "grows"), [(3, False), (4, False), (5, True)])
def test_a_pool_that_fills_up_is_no_leak_and_a_thread_more_is(added: int, grows: bool) -> None:
    assert judge(list(AT), [36.0 + added * (at > 4000) for at in AT], "threads").grows is grows


def test_a_thread_every_ten_minutes_grows() -> None:
    assert judge(list(AT), [float(36 + int(at - AT[0]) // 600) for at in AT], "threads").grows


@pytest.mark.parametrize(("added", "grows"), [(1, False), (2, True)])
def test_of_ten_descriptors_one_is_no_leak_and_two_are(added: int, grows: bool) -> None:
    assert judge(list(AT), [10.0 + added * (at > 5000) for at in AT], "descriptors").grows is grows


def test_the_warm_up_is_left_out_and_half_an_hour_at_the_most() -> None:
    assert warm_up_s(7200) == warm_up_s(20_000) == 1800
    assert warm_up_s(60) == 15


def written(path: Path, leak_mb: float) -> Path:
    with path.open("w") as file:
        for number in range(100):
            steady = {"pss_mb": 100.0, "own_mb": 90.0, "threads": 10, "descriptors": 30}
            leaking = {**steady, "own_mb": 90 + leak_mb * number / 100, "threads": 10 + number // 50}
            there = {"camera 1": steady, "registry 2": leaking}
            if number > 80:
                there["drawing 3"] = steady
            file.write(json.dumps({"at": number * 10.0, "processes": there}) + "\n")
        file.write('{"at": 1000.0, "proce')
    return path


def test_who_leaks_is_named_and_who_came_late_is_in_the_sum(tmp_path: Path) -> None:
    series, length_s = read(written(tmp_path / "samples.jsonl", leak_mb=40))
    assert length_s == 990
    judged = judge_all(series, length_s)
    assert judged.keys() == {"camera 1", "registry 2", TOGETHER}
    lines = growing(judged)
    assert any(line.startswith("registry 2: own memory") for line in lines), lines
    assert not any(line.startswith("camera 1") for line in lines), lines


@pytest.mark.parametrize(("leak_mb", "steady"), [(0, False), (40, False)])
def test_a_run_that_was_broken_off_has_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], leak_mb: float, steady: bool
) -> None:
    # in both, the process that came late is seen in the sum
    assert main(written(tmp_path / "samples.jsonl", leak_mb), tmp_path / "soak.png") is steady
    assert (tmp_path / "soak.png").stat().st_size > 10_000
    assert ("registry 2: own memory" in capsys.readouterr().out) is (leak_mb > 0)


def test_a_look_sees_this_process() -> None:
    (own,) = (values for name, values in look({}).items() if name == f"this benchmark {os.getpid()}")
    assert 10 < own["own_mb"] <= own["pss_mb"] + 1
    assert own["threads"] >= 1
    assert own["descriptors"] >= 3


def test_a_hastened_recording_has_the_same_pictures(tmp_path: Path) -> None:
    source = write_video(tmp_path / "slow.mp4", moving_pictures(40), fps=10)
    hasten(source, tmp_path / "fast.mp4", seconds=2.0)
    with av.open(str(tmp_path / "fast.mp4")) as fast:
        video = fast.streams.video[0]
        assert float(video.duration * video.time_base) == pytest.approx(2.0, abs=0.1)
        assert sum(1 for _ in fast.decode(video)) == 40
