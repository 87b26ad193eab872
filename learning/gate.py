"""Whether a challenger may take the place of the running classifier."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from learning.data import Dataset, Mask
from learning.scoring import Right, compare

#: The challenger must be better in all but this share of resamples. Of a hundred that are just as good as the
#: running one, one is promoted by luck, and does no harm.
LEVEL = 0.01
#: Worse in all but this share of resamples is worse.
WORSE = 0.05
#: No department may lose more than this share of its right answers on earlier days, if that is more than chance.
FALL = 0.1
#: Fewer scored samples tell nothing.
FEWEST_SCORED = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Whether the challenger is promoted, and why."""

    promoted: bool
    #: One line for people: what decided.
    reason: str


def first(challenger: Right, commonest: Right, data: Dataset) -> Decision:
    """Where nothing runs yet: better than always saying the commonest department, by more than chance."""
    comparison = compare(challenger, commonest, data.groups)
    told = (
        f"{_percent(challenger)} right on {len(data)} held-out samples, the commonest department {_percent(commonest)}"
    )
    if comparison.p_not_better >= LEVEL:
        return Decision(promoted=False, reason=f"not better than the commonest department by more than chance: {told}")
    return Decision(promoted=True, reason=f"the first classifier: {told}")


def over_texts(challenger: Right, texts: Right, data: Dataset) -> Decision:
    """Where departments were told by comparing with texts so far: better than that, by more than chance."""
    comparison = compare(challenger, texts, data.groups)
    told = (
        f"{_percent(challenger)} right, comparing with texts {_percent(texts)}, on {len(data)} held-out samples"
        f" (p = {comparison.p_not_better:.4f})"
    )
    if comparison.p_not_better >= LEVEL:
        return Decision(promoted=False, reason=f"not better than comparing with texts by more than chance: {told}")
    return Decision(promoted=True, reason=f"the first classifier, better than comparing with texts: {told}")


def against(
    challenger: Right,
    running: Right,
    data: Dataset,
    *,
    earlier: Mask,
    at_the_door: Mask,
    departments_changed: bool,
) -> Decision:
    """Against the running classifier, on samples that neither was trained on: `data`, and what each got right.

    `earlier`: of days that the running one has learnt from; what it can do there must not be lost, however convincing
    the newest days are, since a camera labelled wrongly convinces. `at_the_door`: labelled by assistants.
    With `departments_changed` it is enough not to be worse: the running one names departments that are gone, or
    can't name one that is there.
    """
    comparison = compare(challenger, running, data.groups)
    told = (
        f"{_percent(challenger)} right, the running one {_percent(running)}, on {len(data)} held-out samples"
        f" (p = {comparison.p_not_better:.4f})"
    )
    if comparison.p_not_worse < WORSE:
        return Decision(promoted=False, reason=f"worse than the running classifier: {told}")
    if comparison.p_not_better >= LEVEL and not departments_changed:
        return Decision(promoted=False, reason=f"not better than the running classifier by more than chance: {told}")
    for mask, where in ((earlier, "on earlier days"), (at_the_door, "on what assistants labelled at the door")):
        part = compare(challenger[mask], running[mask], data.groups[mask])
        if part.count and part.p_not_worse < WORSE:
            return Decision(
                promoted=False,
                reason=f"worse {where} ({part.count} samples, {part.difference:+.1%}), though over all {told}",
            )
    if fallen := _fallen(challenger, running, data, earlier):
        return Decision(promoted=False, reason=f"forgets {fallen} on earlier days, though over all {told}")
    why = "the departments changed, and it is not worse" if comparison.p_not_better >= LEVEL else "better"
    return Decision(promoted=True, reason=f"{why}: {told}")


def _fallen(challenger: Right, running: Right, data: Dataset, earlier: Mask) -> str | None:
    """The department that loses most on earlier days, if that is more than chance (an exact test of signs)."""
    for number, name in enumerate(data.departments):
        mask = earlier & (data.labels == number)
        lost = int((running & ~challenger)[mask].sum())
        won = int((challenger & ~running)[mask].sum())
        if lost - won <= FALL * mask.sum():
            continue
        if stats.binomtest(lost, lost + won, alternative="greater").pvalue < WORSE / len(data.departments):
            return name
    return None


def _percent(answers: Right) -> str:
    return f"{float(np.mean(answers)):.1%}" if answers.size else "nothing"
