"""Samples: float16 BLOBs with where and when they were seen; read in bulk for a training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiosqlite
import numpy as np

from domain.errors import InputError
from domain.records import Origin, Sample, SampleTable
from storage.database import Database, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Rows read at a time, which bounds what lies in memory twice.
_CHUNK = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleCount:
    """How many samples of a department come from where."""

    department: str
    origin: Origin
    camera: str | None
    encoder: str
    count: int
    first_day: str
    last_day: str


async def insert(connection: aiosqlite.Connection, sample: Sample) -> bool:
    """Store a sample, inside the caller's transaction; True if the store had none of that id.

    The same id again replaces what was there: a corrected answer corrects the label.
    Raises InputError for an embedding that holds numbers that are none.
    """
    with np.errstate(over="ignore"):
        vector = sample.embedding.vector.astype(np.float16)
    if vector.ndim != 1 or not vector.size or not np.isfinite(vector).all():
        raise InputError(f"sample {sample.id}: the embedding holds numbers that are none (NaN or infinite)")
    known = await connection.execute_fetchall(
        "SELECT 1 FROM samples WHERE store = ? AND id = ?", (sample.store, sample.id)
    )
    await connection.execute(
        """
        INSERT INTO samples (store, id, department, origin, camera, day, "group", encoder, dimensions, vector)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (store, id) DO UPDATE SET
            department = excluded.department, origin = excluded.origin, camera = excluded.camera,
            day = excluded.day, "group" = excluded."group", encoder = excluded.encoder,
            dimensions = excluded.dimensions, vector = excluded.vector
        """,
        (
            sample.store,
            sample.id,
            sample.department,
            sample.origin,
            sample.camera,
            sample.day,
            sample.group,
            sample.embedding.encoder,
            vector.size,
            vector.tobytes(),
        ),
    )
    return not list(known)


async def remove(connection: aiosqlite.Connection, sample_id: str) -> None:
    """Forget one sample, inside the caller's transaction; nothing happens where there is none."""
    await connection.execute("DELETE FROM samples WHERE id = ?", (sample_id,))


async def insert_all(database: Database, samples: Sequence[Sample]) -> int:
    """Store several in one transaction; how many of them are new."""
    async with database.transaction() as connection:
        return sum([await insert(connection, sample) for sample in samples])


async def stores(database: Database) -> list[str]:
    """The stores that have samples, those included that the settings no longer have."""
    return [row["store"] for row in await database.read("SELECT DISTINCT store FROM samples ORDER BY store")]


async def encoders(database: Database, store: str) -> dict[str, int]:
    """How many samples of each encoder the store has, that of the newest sample first."""
    rows = await database.read(
        "SELECT encoder, count(*) AS count FROM samples WHERE store = ? GROUP BY encoder ORDER BY max(number) DESC",
        (store,),
    )
    return {row["encoder"]: row["count"] for row in rows}


async def table(database: Database, store: str, encoder: str) -> SampleTable:
    """All samples of a store made with one encoder, oldest first. Two bytes a number, and little beside."""
    (size,) = await database.read(
        """
        SELECT count(*) AS count, coalesce(max(number), 0) AS last, coalesce(max(dimensions), 0) AS dimensions
        FROM samples WHERE store = ? AND encoder = ?
        """,
        (store, encoder),
    )
    vectors: NDArray[np.float16] = np.empty((size["count"], size["dimensions"]), np.float16)
    columns: list[tuple[str, str, str, str, str]] = []
    number = 0
    while len(columns) < len(vectors):
        rows = await database.read(
            """
            SELECT number, department, origin, coalesce(camera, '') AS camera, day, "group", vector
            FROM samples WHERE store = ? AND encoder = ? AND number > ? AND number <= ? AND dimensions = ?
            ORDER BY number LIMIT ?
            """,
            (store, encoder, number, size["last"], size["dimensions"], _CHUNK),
        )
        if not rows:
            break
        begin = len(columns)
        block = b"".join(row["vector"] for row in rows)
        vectors[begin : begin + len(rows)] = np.frombuffer(block, np.float16).reshape(len(rows), -1)
        columns += [tuple(row[1:6]) for row in rows]
        number = rows[-1]["number"]
    departments, origins, cameras, days, groups = zip(*columns, strict=True) if columns else ((),) * 5
    return SampleTable(
        vectors=vectors[: len(columns)],
        encoder=encoder,
        departments=departments,
        origins=tuple(Origin(origin) for origin in origins),
        cameras=cameras,
        days=days,
        groups=groups,
    )


async def count(database: Database, store: str) -> list[SampleCount]:
    """How many there are, by department, origin, camera and encoder."""
    rows = await database.read(
        """
        SELECT department, origin, camera, encoder, count(*) AS count, min(day) AS first_day, max(day) AS last_day
        FROM samples WHERE store = ? GROUP BY department, origin, camera, encoder
        ORDER BY department, origin, camera, encoder
        """,
        (store,),
    )
    return [SampleCount(**{**dict(row), "origin": Origin(row["origin"])}) for row in rows]


async def forget(database: Database, store: str, *, camera: str | None = None, day: str | None = None) -> int:
    """Delete a store's samples: all, or those of one camera, one day, or both; how many there were."""
    return await _delete(
        database,
        "store = ? AND (? IS NULL OR camera = ?) AND (? IS NULL OR day = ?)",
        (store, camera, camera, day, day),
    )


async def forget_before(database: Database, store: str, day: str) -> int:
    """Delete the samples of days earlier than `day`; how many there were."""
    return await _delete(database, "store = ? AND day < ?", (store, day))


async def _delete(database: Database, condition: str, values: tuple[Value, ...]) -> int:
    async with database.transaction() as connection:
        cursor = await connection.execute(f"DELETE FROM samples WHERE {condition}", values)  # noqa: S608 - fixed texts
        return cursor.rowcount
