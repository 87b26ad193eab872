"""Photographs through the product's own path - import, train, predict - against scikit-learn on the same embeddings."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier

from amiko.importing import import_all
from domain.places import DATABASE, home
from domain.settings import Networks, Store
from learning import scoring
from learning.data import Dataset, dataset
from learning.training import fit
from networks.ranking import Floats
from storage import samples
from storage.database import Database

FOLDS = 5
DAY = "2026-01-01"


class Estimator(Protocol):
    """What scikit-learn's classifiers have in common."""

    def fit(self, rows: Floats, labels: NDArray[np.int64]) -> object: ...

    def predict(self, rows: Floats) -> NDArray[np.int64]: ...


#: With scikit-learn's own settings, but for iterations enough.
RIVALS: dict[str, Callable[[], Estimator]] = {
    "logistic_regression": lambda: LogisticRegression(max_iter=2000),
    "k_neighbours": KNeighborsClassifier,
    "gradient_boosting": HistGradientBoostingClassifier,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Photos:
    """Figures for one folder of photographs."""

    samples: int
    departments: int
    mlp: float
    best_sklearn: float
    ece: float
    balanced_accuracy: float
    log_loss: float
    sklearn: dict[str, float]
    #: Accuracy by training samples of each department: of the MLP, and of the logistic regression.
    curve: dict[str, tuple[float, float]]


@contextmanager
def throw_away_home() -> Iterator[Path]:
    """An empty `AMIKO_HOME` for the length of a measurement."""
    before = os.environ.get("AMIKO_HOME")
    with tempfile.TemporaryDirectory(prefix="amiko-bench-") as folder:
        os.environ["AMIKO_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ["AMIKO_HOME"]
            else:
                os.environ["AMIKO_HOME"] = before


def imported(folders: list[Path]) -> Dataset:
    """All photographs of folders of folders named as departments, as the product imports them."""
    names = sorted({path.name for folder in folders for path in folder.iterdir() if path.is_dir()})
    store = Store(id="photos", name="photos", departments=names)
    with throw_away_home():
        for folder in folders:
            import_all(folder, None, store, Networks(), day=DAY, whole=True)

        async def read() -> Dataset:
            async with Database.open(home() / DATABASE) as database:
                (encoder,) = await samples.encoders(database, store.id)
                return dataset(await samples.table(database, store.id, encoder), names)

        return asyncio.run(read())


def photos(data: Dataset, *, rivals: dict[str, Callable[[], Estimator]] = RIVALS, seed: int = 0) -> Photos:
    """Cross-validated over all photographs, the same folds for all."""
    rows = data.vectors.astype(np.float32)
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(rows, data.labels))
    outputs = np.zeros((len(data), len(data.departments)), np.float32)
    right = {name: np.zeros(len(data), bool) for name in rivals}
    for train, test in folds:
        classifier = fit(data.where(train), seed=seed).classifier
        outputs[test] = scoring.probabilities(classifier, data.where(test))
        for name, make in rivals.items():
            model = make()
            model.fit(rows[train], data.labels[train])
            right[name][test] = model.predict(rows[test]) == data.labels[test]
    scores = scoring.scores(outputs, data.labels)
    others = {name: round(float(answers.mean()), 4) for name, answers in right.items()}
    return Photos(
        samples=len(data),
        departments=len(data.departments),
        mlp=round(scores.accuracy, 4),
        best_sklearn=max(others.values()),
        ece=round(scores.ece, 4),
        balanced_accuracy=round(scores.balanced_accuracy, 4),
        log_loss=round(scores.log_loss, 4),
        sklearn=others,
        curve=_curve(data, rows, folds[0], seed),
    )


def _curve(
    data: Dataset, rows: Floats, fold: tuple[NDArray[np.int64], NDArray[np.int64]], seed: int
) -> dict[str, tuple[float, float]]:
    """From 5 samples a department upwards, on the first fold's test part."""
    train, test = fold
    random = np.random.default_rng(seed)
    order = random.permutation(train)
    curve = {}
    for count in (5, 10, 20, 40, 80):
        some = np.concatenate([order[data.labels[order] == number][:count] for number in range(len(data.departments))])
        classifier = fit(data.where(some), seed=seed).classifier
        mlp = scoring.right(scoring.probabilities(classifier, data.where(test)), data.labels[test]).mean()
        model = LogisticRegression(max_iter=2000).fit(rows[some], data.labels[some])
        regression = (model.predict(rows[test]) == data.labels[test]).mean()
        curve[str(count)] = (round(float(mlp), 4), round(float(regression), 4))
        if count * len(data.departments) >= len(train):
            break
    return curve
