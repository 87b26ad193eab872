"""Fits the third network: mini-batches, early stopping, a temperature, a seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from domain.errors import TrainingError
from domain.records import Sample
from domain.settings import SampleWeights
from learning.data import Dataset, dataset, drawn, table
from networks.mlp import MLP, PROBES, Classifier, normalised
from networks.ranking import Floats

#: A department with fewer samples is not learnt, and fewer than two of them are nothing to tell apart.
FEWEST_PER_DEPARTMENT = 5
#: Up to so many samples the number of epochs and the temperature come from a cross-validation, beyond it from one part.
CROSS_VALIDATED = 4000
FOLDS = 5
#: Many samples are learnt in fewer rounds: about so many looks at one altogether.
VISITS = 700_000
FEWEST_EPOCHS = 8
#: Temperatures to choose from.
_FEW = torch.logspace(-0.6, 0.6, 13)
_MANY = torch.logspace(-1.3, 1.3, 105)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a network is fitted; measured on photographs of clothing and groceries."""

    epochs: int = 60
    #: Epochs without a better log loss until it stops.
    patience: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    #: Share of hidden numbers, and of the embedding's numbers, left out at random.
    dropout: float = 0.3
    input_dropout: float = 0.2
    label_smoothing: float = 0.05


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Inputs:
    """Standardised embeddings on their way into the network."""

    #: float16, `(N, dimensions)`; turned into float32 a batch at a time.
    vectors: Tensor
    labels: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, rows: NDArray[np.int64]) -> "_Inputs":
        chosen = torch.from_numpy(rows)
        return _Inputs(vectors=self.vectors[chosen], labels=self.labels[chosen], weights=self.weights[chosen])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fitted:
    """A classifier, and what was predicted for the samples that it was checked on while it was made."""

    classifier: Classifier
    #: Shape `(N,)`: the department's number predicted for each row by a network that had not learnt from it, or -1.
    foretold: NDArray[np.int64]


def train(samples: Sequence[Sample], departments: Sequence[str], *, seed: int = 0) -> Classifier:
    """A classifier from all of `samples`, of those departments of `departments` that have enough of them.

    The same samples and the same seed give the same classifier. Raises TrainingError where there is nothing
    to learn from.
    """
    return fit(dataset(table(samples), departments), seed=seed).classifier


def fit(
    everything: Dataset,
    *,
    weights: SampleWeights | None = None,
    seed: int = 0,
    held_out_from: str | None = None,
) -> Fitted:
    """A classifier from all rows of `everything`; what is to be scored on must not be among them.

    Raises TrainingError with fewer than two departments that have FEWEST_PER_DEPARTMENT samples.
    """
    learnable = _learnable(everything)
    data = everything.only(learnable)
    numbers = np.flatnonzero(np.isin(everything.labels, learnable))
    foretold = np.full(len(everything), -1, np.int64)
    generator = torch.Generator().manual_seed(seed)
    recipe = Recipe()
    inputs, mean, scale = _standardised(data, weights or SampleWeights())
    departments = len(data.departments)
    folds = _folds(data, seed)
    epochs, logits, labels = [], [], []
    for held_out in folds:
        rest = np.flatnonzero(~held_out)
        checked = inputs.where(np.flatnonzero(held_out))
        model, best = _fit(inputs.where(rest), departments, recipe, generator, checked=checked)
        epochs.append(best)
        logits.append(_logits(model, checked))
        labels.append(checked.labels)
        foretold[numbers[held_out]] = learnable[logits[-1].argmax(1).numpy()]
    temperature = _temperature(torch.cat(logits), torch.cat(labels))
    if len(folds) > 1:
        # what the folds agreed on, with every sample
        model, _ = _fit(inputs, departments, recipe, generator, epochs=round(float(np.mean(epochs))))
    classifier = Classifier(
        model=model.eval(),
        departments=data.departments,
        encoder=data.encoder,
        mean=mean,
        scale=scale,
        temperature=temperature,
        held_out_from=held_out_from,
        probes=np.zeros((0, len(mean)), np.float32),
        answers=np.zeros((0, departments), np.float32),
    )
    return Fitted(classifier=_with_probes(classifier, seed), foretold=foretold)


def _learnable(data: Dataset) -> NDArray[np.int64]:
    """The numbers of the departments with enough samples."""
    if not len(data):
        raise TrainingError("there are no samples to train from; see: amiko samples import --help")
    counts = np.bincount(data.labels, minlength=len(data.departments))
    enough = np.flatnonzero(counts >= FEWEST_PER_DEPARTMENT)
    if len(enough) < 2:
        told = ", ".join(f"{name}: {count}" for name, count in zip(data.departments, counts, strict=True))
        raise TrainingError(
            f"too few samples: at least two departments need {FEWEST_PER_DEPARTMENT} each to train from ({told})"
        )
    return enough


def _standardised(data: Dataset, setting: SampleWeights) -> tuple[_Inputs, Floats, Floats]:
    """Rows of length 1, then each number with mean 0 and spread 1; in half precision, in pieces."""
    count, dimensions = data.vectors.shape
    pieces = range(0, count, 8192)
    total, squares = np.zeros(dimensions), np.zeros(dimensions)
    for begin in pieces:
        rows = normalised(data.vectors[begin : begin + 8192].astype(np.float32))
        total += rows.sum(0)
        squares += np.square(rows, dtype=np.float64).sum(0)
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0))
    # a number that hardly ever changes must not be blown up
    scale = np.maximum(spread, max(0.1 * float(spread.mean()), 1e-6)).astype(np.float32)
    mean = mean.astype(np.float32)
    vectors = np.empty((count, dimensions), np.float16)
    for begin in pieces:
        rows = normalised(data.vectors[begin : begin + 8192].astype(np.float32))
        vectors[begin : begin + 8192] = (rows - mean) / scale
    weights = data.weights(setting) * _balance(data)[data.labels]
    total_weight = float(weights.sum())
    if total_weight <= 0:
        raise TrainingError("training.weights: every sample's weight is 0; raise one in the settings")
    inputs = _Inputs(
        vectors=torch.from_numpy(vectors),
        labels=torch.from_numpy(data.labels),
        weights=torch.from_numpy((weights * (count / total_weight)).astype(np.float32)),
    )
    return inputs, mean, scale


def _balance(data: Dataset) -> NDArray[np.float32]:
    """Rare departments count more, by the square root: all the way would trade many right answers for few."""
    counts = np.bincount(data.labels, minlength=len(data.departments))
    balance: NDArray[np.float32] = np.sqrt(counts.mean() / np.maximum(counts, 1)).astype(np.float32)
    return balance


def _folds(data: Dataset, seed: int) -> list[NDArray[np.bool_]]:
    """What each fit is checked on: every sample once, or a tenth of many; groups are never torn apart."""
    lots = drawn(data.groups, f"fold {seed}")
    if len(data) > CROSS_VALIDATED:
        parts = [lots < 0.1]
    else:
        parts = [(lots >= fold / FOLDS) & (lots < (fold + 1) / FOLDS) for fold in range(FOLDS)]
    parts = [part for part in parts if part.any() and not part.all()]
    if not parts:
        raise TrainingError("all samples come from one visitor or one recording; collect more before training")
    return parts


def _fit(
    inputs: _Inputs,
    departments: int,
    recipe: Recipe,
    generator: torch.Generator,
    *,
    checked: _Inputs | None = None,
    epochs: int | None = None,
) -> tuple[MLP, int]:
    """The network and its number of epochs: the best on `checked`, or the given number."""
    count = len(inputs)
    size = min(max(32, 2 ** round(math.log2(max(count / 12, 1)))), 1024)
    batches = math.ceil(count / size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        model = MLP(inputs.vectors.shape[1], departments, recipe.dropout)
        optimiser = torch.optim.AdamW(
            model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        most = max(FEWEST_EPOCHS, min(recipe.epochs, VISITS // count))
        # the plan of learning rates is the same whether stopped early or not, so that epochs can be compared
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.learning_rate, total_steps=most * batches, pct_start=0.1
        )
        best, best_epoch, kept = math.inf, 1, _state(model)
        for epoch in range(1, (epochs or most) + 1):
            model.train()
            for batch in torch.split(torch.randperm(count), size):
                rows = inputs.vectors[batch].float()
                if count <= CROSS_VALIDATED:
                    # many samples need none of it, and it takes a third of the time
                    rows = functional.dropout(rows, recipe.input_dropout)
                losses = functional.cross_entropy(
                    model(rows), inputs.labels[batch], reduction="none", label_smoothing=recipe.label_smoothing
                )
                optimiser.zero_grad()
                torch.autograd.backward((losses * inputs.weights[batch]).mean())
                optimiser.step()
                schedule.step()
            if checked is None:
                continue
            # how sure it is will be set right by the temperature, so that it must not decide when to stop
            loss = _scaled(_logits(model, checked), checked.labels, _FEW)[1]
            if loss < best - 1e-4:
                best, best_epoch, kept = loss, epoch, _state(model)
            elif epoch - best_epoch >= recipe.patience:
                break
    if checked is not None:
        model.load_state_dict(kept)
    return model.eval(), best_epoch


def _state(model: MLP) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _logits(model: MLP, inputs: _Inputs) -> Tensor:
    model.eval()
    with torch.inference_mode():
        return torch.cat([model(rows.float()) for rows in torch.split(inputs.vectors, 4096)])


def _temperature(logits: Tensor, labels: Tensor) -> float:
    """What logits are divided by so that probabilities are as often right as they say."""
    return _scaled(logits, labels, _MANY)[0]


def _scaled(logits: Tensor, labels: Tensor, temperatures: Tensor) -> tuple[float, float]:
    """The best of the temperatures, and the log loss with it.

    As if one sample of each other department had been seen as well (as Platt does): some hundred right answers in
    a row are no certainty.
    """
    count, departments = logits.shape
    doubt = departments / (count + departments)
    # all at once: (temperatures, N, departments)
    likelihoods = torch.log_softmax(logits / temperatures[:, None, None], 2)
    of_label = likelihoods[:, torch.arange(count), labels].mean(1)
    losses = -((1 - doubt) * of_label + doubt * likelihoods.mean((1, 2)))
    best = int(losses.argmin())
    return float(temperatures[best]), float(losses[best])


def _with_probes(classifier: Classifier, seed: int) -> Classifier:
    """Vectors drawn around the mean of the samples, none of a person, and what the classifier says of them."""
    noise = np.random.default_rng(seed).standard_normal((PROBES, classifier.dimensions))
    probes = (classifier.mean + classifier.scale * noise).astype(np.float32)
    return replace(classifier, probes=probes, answers=classifier.probabilities(probes))
