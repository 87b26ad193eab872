"""What the actors' logs say, line by line."""

import json

from amiko.logs import parsed


def test_lines_of_ours_are_taken_and_others_left_out() -> None:
    ours = {"asctime": "2026-03-01 10:00:00,1", "levelname": "INFO", "message": "a visitor came in", "visit": "v"}
    text = "\n".join([":job_id:01000000", json.dumps(ours), "Traceback (most recent call last):", '{"x": 1}', "3", ""])
    assert parsed(text, "registry") == [{"actor": "registry", **ours}]


def test_a_cameras_lines_are_about_that_camera() -> None:
    plain = json.dumps({"asctime": "2026-03-01 10:00:00,1", "levelname": "WARNING", "message": "lost"})
    (line,) = parsed(plain, "camera/spb-1/door")
    assert (line["store"], line["camera"], line["actor"]) == ("spb-1", "door", "camera/spb-1/door")
    told = json.dumps({"asctime": "2026-03-01 10:00:00,1", "message": "of another", "store": "spb-2"})
    assert parsed(told, "camera/spb-1/door")[0]["store"] == "spb-2"
