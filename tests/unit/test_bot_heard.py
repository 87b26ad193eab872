import json

import pytest
from support.attack import ANNA, message, press

from bot.heard import UpdatesRequest, readable

HALF = "\ud800"


@pytest.mark.parametrize("update", [message(ANNA, "/start"), press(ANNA, "t:1:"), {"update_id": 3}])
def test_what_can_be_read_stays_as_it_is(update):
    assert readable(update) == update


@pytest.mark.parametrize(
    "content",
    [
        {"message": {}},
        {"message": []},
        {"message": {**message(ANNA, "x")["message"], "from": None}},
        {"message": {**message(ANNA, "x")["message"], "text": 5}},
        {"message": {**message(ANNA, "x")["message"], "text": HALF}},
        {"message": {**message(ANNA, "x")["message"], "date": "yesterday"}},
        {"message": {**message(ANNA, "x")["message"], "from": {"id": 2**63, "is_bot": False, "first_name": "x"}}},
        {"callback_query": {**press(ANNA, "x")["callback_query"], "data": {}}},
        {"callback_query": {"id": "q"}},
        {"edited_message": message(ANNA, "/start")["message"]},
        {"something_new": 5},
    ],
)
def test_what_cannot_be_read_keeps_its_number_alone(content, caplog):
    assert readable({"update_id": 7, **content}) == {"update_id": 7}
    assert "x" not in caplog.text.split("passed over")[0], "no word of what a person wrote"


@pytest.mark.parametrize("update", [None, 5, "x", [], {}, {"update_id": "7"}, {"update_id": 2**70}, {"message": {}}])
def test_what_has_no_number_is_nothing(update):
    assert readable(update) is None


def test_one_that_cannot_be_read_takes_no_other_along():
    good, bad = message(ANNA, "/start", update=2), {"update_id": 1, "message": {"text": "?"}}
    payload = json.dumps({"ok": True, "result": [bad, good, "x"]}).encode()
    assert UpdatesRequest.parse_json_payload(payload)["result"] == [{"update_id": 1}, good]


@pytest.mark.parametrize("answer", [{"ok": False, "description": "x"}, {"ok": True, "result": {}}, []])
def test_other_answers_are_the_librarys_matter(answer):
    assert UpdatesRequest.parse_json_payload(json.dumps(answer).encode()) == answer
