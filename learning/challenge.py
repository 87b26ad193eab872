"""One training from samples to a decision: split, fit, score, gate."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from pydantic import TypeAdapter
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from domain.errors import TrainingError
from domain.records import Origin, SampleTable
from domain.settings import SampleWeights
from learning import gate, scoring
from learning.data import ASIDE, Dataset, Mask, Split, dataset, drawn, split, unseen
from learning.gate import Decision
from learning.scoring import Bin, Comparison, Right, Scores
from learning.suspicion import Suspicion, sources, suspicions
from learning.training import FEWEST_PER_DEPARTMENT, Fitted, fit
from networks.coldstart import ColdStart
from networks.mlp import Classifier, normalised
from networks.ranking import Floats

#: The logistic regression is fitted on so many samples at the most, since its time grows faster than the MLP's.
REGRESSED = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What a training found out; goes into the database as JSON and into the report."""

    departments: list[str]
    #: Samples by department, then origin.
    samples: dict[str, dict[str, int]]
    trained: int
    scored: int
    #: Whole days from this one on were held out; None where there are too few days.
    held_out_from: str | None
    temperature: float
    challenger: Scores
    #: Of the same samples; None where there was none, or it was made for another encoder.
    running: Scores | None
    running_version: int | None
    logistic_regression: Scores
    commonest: Scores
    #: Challenger against running, or where nothing runs against comparing with texts or the commonest department.
    comparison: Comparison
    by_origin: dict[str, Scores]
    by_day: dict[str, Scores]
    confusion: list[list[int]]
    calibration: list[Bin]
    suspicions: list[Suspicion]
    left_out: list[str]
    #: Of comparing with texts, where that is what runs.
    cold_start: Scores | None = None


#: To and from JSON.
FIGURES = TypeAdapter(Figures)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Challenge:
    """A trained challenger, what it can do, and whether it may run."""

    challenger: Classifier
    decision: Decision
    figures: Figures


def challenge(
    table: SampleTable,
    catalogue: Sequence[str],
    running: Classifier | None,
    weights: SampleWeights,
    *,
    cold: ColdStart | None = None,
    seed: int = 0,
) -> Challenge:
    """Train a challenger on the older samples and let it prove itself on the newest.

    `catalogue`: the departments of the store's settings; samples of others are ignored. `cold`: what tells departments
    where no classifier does, for encoders that know texts. Raises TrainingError where
    there is too little to train from or to score on.
    """
    data, left_out = _learnable(dataset(table, catalogue))
    parts = _split(data)
    until = parts.held_out_from or _day_after(max(data.days.tolist()))

    def fitted(rows: Mask) -> Fitted:
        return fit(data.where(rows), weights=weights, seed=seed, held_out_from=until)

    made = fitted(parts.train)
    found, meant = _suspicious(made, data, parts)
    if (meant & parts.train).any():
        made = fitted(parts.train & ~meant)
    challenger = made.classifier
    trained, scored = data.where(parts.train & ~meant), data.where(parts.scored & ~meant)
    if len(scored) < gate.FEWEST_SCORED:
        raise TrainingError("; ".join(["the newest samples can't be believed", *(str(one) for one in found)]))
    outputs = scoring.probabilities(challenger, scored)
    commonest = _always(trained, scored)
    comparable = running is not None and running.encoder == data.encoder
    old = running if comparable else None
    texts = None
    if cold is not None and old is None and cold.encoder == data.encoder:
        texts = scoring.probabilities(cold, scored)
    decision, comparison = _decide(outputs, commonest, scored, old, texts, challenger)
    if unbelievable := [one for one in found if one.day == max(data.days.tolist())]:
        # somebody must look first; from tomorrow on that day is left out, and the others decide
        told = f"the newest samples can't be believed; {unbelievable[-1]}. Look there; wrong ones go away with"
        decision = Decision(promoted=False, reason=f"{told} amiko samples forget --day {unbelievable[-1].day}")
    return Challenge(
        challenger=challenger,
        decision=decision,
        figures=Figures(
            departments=list(data.departments),
            samples=_counts(data),
            trained=len(trained),
            scored=len(scored),
            held_out_from=parts.held_out_from,
            temperature=challenger.temperature,
            challenger=scoring.scores(outputs, scored.labels),
            running=scoring.scores(scoring.probabilities(old, scored), scored.labels) if old else None,
            running_version=running.version if running else None,
            logistic_regression=scoring.scores(_regress(trained, scored, seed), scored.labels),
            commonest=scoring.scores(commonest, scored.labels),
            comparison=comparison,
            by_origin=scoring.by(scored, scored.origins, outputs),
            by_day=scoring.by(scored, scored.days, outputs),
            confusion=scoring.confusion(outputs, scored.labels),
            calibration=scoring.calibration(outputs, scored.labels),
            suspicions=found,
            left_out=left_out,
            cold_start=None if texts is None else scoring.scores(texts, scored.labels),
        ),
    )


def _split(data: Dataset) -> Split:
    parts = split(data)
    if (scored := int(parts.scored.sum())) < gate.FEWEST_SCORED:
        raise TrainingError(
            f"too few samples: {len(data)}, of which {scored} would be held out to score on;"
            f" {gate.FEWEST_SCORED} are needed, so about {round(gate.FEWEST_SCORED / ASIDE)} in all"
        )
    return parts


def _suspicious(made: Fitted, data: Dataset, parts: Split) -> tuple[list[Suspicion], Mask]:
    """Which days of which cameras are not believed, and their samples."""
    guesses = np.full(len(data), -1, np.int64)
    guesses[parts.train] = made.foretold
    guesses[parts.scored] = scoring.probabilities(made.classifier, data.where(parts.scored)).argmax(1)
    judged = np.flatnonzero(guesses >= 0)
    found, meant = suspicions((guesses == data.labels)[judged], data.where(judged))
    # those that no network was asked about go with the others of their camera and day
    days = {(one.source, one.day) for one in found}
    names = sources(data)
    pairs = zip(names, data.days, strict=True)
    more = np.array([(name, day) in days or (None, day) in days for name, day in pairs], bool)
    more[judged] |= meant
    return found, more


def _decide(
    outputs: Floats,
    commonest: Floats,
    scored: Dataset,
    running: Classifier | None,
    texts: Floats | None,
    challenger: Classifier,
) -> tuple[Decision, Comparison]:
    right = scoring.right(outputs, scored.labels)
    trivial: Right = scoring.right(commonest, scored.labels)
    decision = gate.first(right, trivial, scored)
    comparison = scoring.compare(right, trivial, scored.groups)
    if not decision.promoted:
        return decision, comparison
    if running is None:
        if texts is None:
            return decision, comparison
        said = scoring.right(texts, scored.labels)
        return gate.over_texts(right, said, scored), scoring.compare(right, said, scored.groups)
    # only what the running one can't have learnt from either
    fair = unseen(scored, running.held_out_from)
    both = scored.where(fair)
    theirs = scoring.right(scoring.probabilities(running, both), both.labels)
    decision = gate.against(
        right[fair],
        theirs,
        both,
        earlier=both.days < (running.held_out_from or ""),
        at_the_door=both.origins == Origin.ASSISTANT,
        departments_changed=set(running.departments) != set(challenger.departments),
    )
    return decision, scoring.compare(right[fair], theirs, both.groups)


def _learnable(data: Dataset) -> tuple[Dataset, list[str]]:
    """The departments with enough samples, and the names of the others.

    A department that is not learnt is not scored either: nobody could get it right.
    """
    counts = np.bincount(data.labels, minlength=len(data.departments))
    # as many that some are left to train from when a part is set aside
    enough = np.flatnonzero(counts >= 2 * FEWEST_PER_DEPARTMENT)
    if len(enough) < 2:
        told = ", ".join(f"{name}: {count}" for name, count in zip(data.departments, counts, strict=True))
        raise TrainingError(
            "too few samples: at least two departments of the settings need"
            f" {2 * FEWEST_PER_DEPARTMENT} each ({told or 'there are none'})"
        )
    left_out = [name for name, count in zip(data.departments, counts, strict=True) if count < 2 * FEWEST_PER_DEPARTMENT]
    return data.only(enough), left_out


def _day_after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _counts(data: Dataset) -> dict[str, dict[str, int]]:
    counts = Counter(zip(data.labels.tolist(), data.origins.tolist(), strict=True))
    return {
        name: {origin: counts[number, origin] for origin in Origin if counts[number, origin]}
        for number, name in enumerate(data.departments)
    }


def _always(trained: Dataset, scored: Dataset) -> Floats:
    """What it is worth to say the same each time: the shares of the departments in the training."""
    shares = np.bincount(trained.labels, minlength=len(trained.departments)) / len(trained)
    return np.tile(shares.astype(np.float32), (len(scored), 1))


def _regress(trained: Dataset, scored: Dataset, seed: int) -> Floats:
    """Logistic regression on the same embeddings: what a simple model makes of them."""
    some = np.flatnonzero(drawn(trained.groups, f"regression {seed}") <= REGRESSED / len(trained))
    # a department might have been left with none at all
    if len(np.unique(trained.labels[some])) < 2:
        return _always(trained, scored)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200, C=0.01))
    model.fit(normalised(trained.vectors[some].astype(np.float32)), trained.labels[some])
    outputs = np.zeros((len(scored), len(trained.departments)), np.float32)
    outputs[:, model.classes_] = model.predict_proba(normalised(scored.vectors.astype(np.float32)))
    return outputs
