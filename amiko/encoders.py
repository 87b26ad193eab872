"""What it means for the stores that this encoder runs: said before anything is started."""

from actors.coldstart import meaning
from domain.places import CLASSIFIERS, home
from domain.settings import Settings
from networks.kinds import identity_of, knows_texts
from storage import samples
from storage.classifiers import ClassifierStore
from storage.database import Database


async def changes(database: Database, settings: Settings) -> list[str]:
    """A line for each store whose samples or classifier are another encoder's. Raises NetworksError, StorageError."""
    network = settings.networks.encoder
    identity, texts = identity_of(network), knows_texts(network)
    classifiers = ClassifierStore(database, home() / CLASSIFIERS)
    lines = []
    for store in settings.stores:
        current = await classifiers.current(store.id)
        told = meaning(
            identity,
            await classifiers.encoder_of(store.id, current[0]) if current else None,
            await samples.encoders(database, store.id),
            texts=texts,
        )
        if told is not None:
            lines.append(f"{store.id}: {told}")
    return lines
