"""The accounts of a chaos run find what is wrong; nothing is broken for that."""

from dataclasses import replace

from domain.records import AssistantState
from tests.chaos.accounting import Announced, Book, Kept, judge, waiting
from tests.chaos.assistants import PAUSE, Copy, Press, Shown
from tests.chaos.plan import QUIET_S, VICTIMS, faults

ANNA, BORIS = 1, 2
WAITING, BUSY = AssistantState.WAITING, AssistantState.BUSY


def kept(**fields: object) -> Kept:
    known = {
        "visit": "v",
        "number": 7,
        "chat": ANNA,
        "state": "taken",
        "message": 70,
        "created_at": 100.0,
        "expires_at": 160.0,
        "answered_at": 110.0,
        "taken": True,
        "reason": None,
    }
    return Kept(**(known | fields))


#: One visit, told to Anna, who takes it after ten seconds.
WELL = Book(
    lifetime_s=60,
    announced=[Announced(at=100, visit="v", store="s", camera="door")],
    heard={"v": 7},
    notifications=[kept()],
    staff={ANNA: ("s", "busy"), BORIS: ("s", "off")},
    to_all=frozenset({"s"}),
    copies={(ANNA, 7): [Copy(at=101, message=70)]},
    shown={ANNA: [Shown(at=50, state=WAITING), Shown(at=111, state=BUSY)], BORIS: []},
    presses=[Press(at=110, person=ANNA, what="t", number=7)],
    lost_answers={},
    senders_died=[],
)


def test_where_all_is_well_nothing_is_found() -> None:
    verdict = judge(WELL)
    assert (verdict.lost, verdict.duplicated, verdict.wrong_status, verdict.unsent) == ([], [], [], {})


def test_a_visit_that_nobody_heard_of_is_lost() -> None:
    assert len(judge(replace(WELL, heard={})).lost) == 1


def test_who_waited_and_was_not_told_has_lost_a_visit() -> None:
    waits = {**WELL.shown, BORIS: [Shown(at=50, state=WAITING)]}
    staff = {ANNA: ("s", "busy"), BORIS: ("s", "waiting")}
    book = replace(WELL, shown=waits, staff=staff)
    # Anna was quick: Boris need not have heard
    assert judge(book).lost == []
    slow = replace(book, presses=[Press(at=140, person=ANNA, what="t", number=7)])
    assert len(judge(slow).lost) == 1
    assert judge(replace(slow, notifications=[kept(), kept(chat=BORIS, state="expired", message=None)])).lost == []
    # his own pause makes it uncertain
    paused = [*slow.presses, Press(at=105, person=BORIS, what=PAUSE)]
    assert judge(replace(slow, presses=paused)).lost == []
    assert waiting(replace(slow, presses=paused), BORIS) == [(50, 105)]
    # in a store that tells one after the other it was Anna's turn
    assert judge(replace(slow, to_all=frozenset())).lost == []


def test_what_counts_as_sent_and_was_not_seen_is_lost() -> None:
    assert len(judge(replace(WELL, notifications=[kept(message=71)])).lost) == 1


def test_what_never_ends_is_lost() -> None:
    assert len(judge(replace(WELL, notifications=[kept(state="sent")])).lost) == 1


def test_an_end_without_a_reason_is_lost() -> None:
    early = kept(state="expired", answered_at=120.0, taken=False)
    assert len(judge(replace(WELL, notifications=[early])).lost) == 1
    assert judge(replace(WELL, notifications=[replace(early, answered_at=160.0)])).lost == []
    assert judge(replace(WELL, notifications=[replace(early, taken=True)])).lost == []
    assert len(judge(replace(WELL, notifications=[kept(state="failed")])).lost) == 1


def test_what_was_not_sent_ended_for_a_reason() -> None:
    late = kept(chat=BORIS, state="expired", message=None, answered_at=160.0, taken=False)
    others = [late, replace(late, taken=True), replace(late, state="declined")]
    assert judge(replace(WELL, notifications=others)).unsent == {
        "its minute was over": 1,
        "somebody else went": 1,
        "paused": 1,
    }


def test_a_second_copy_is_forgiven_where_its_answer_was_lost() -> None:
    twice = replace(WELL, copies={(ANNA, 7): [Copy(at=101, message=70), Copy(at=103, message=71)]})
    assert len(judge(twice).duplicated) == 1
    on_the_line = judge(replace(twice, lost_answers={(ANNA, 7): [101.0]}))
    assert (on_the_line.duplicated, on_the_line.copies["lost answer"]) == ([], 1)
    died = judge(replace(twice, senders_died=[102.0]))
    assert (died.duplicated, died.copies["sender died"]) == ([], 1)
    assert len(judge(replace(twice, senders_died=[500.0])).duplicated) == 1


def test_a_message_about_no_visit_is_one_too_many() -> None:
    strange = {**WELL.copies, (BORIS, 9): [Copy(at=101, message=90)]}
    assert len(judge(replace(WELL, copies=strange)).duplicated) == 1


def test_a_status_other_than_the_one_told_is_wrong() -> None:
    assert len(judge(replace(WELL, staff={ANNA: ("s", "waiting"), BORIS: ("s", "off")})).wrong_status) == 1


def test_a_plan_is_its_seeds_and_meets_everybody() -> None:
    plan = faults(1, 120)
    assert plan == faults(1, 120) != faults(2, 120)
    assert {fault.victim for fault in plan} == set(VICTIMS)
    assert all(0 < fault.at < 120 - QUIET_S for fault in plan)
