"""What is known of the site: the readings of the sun, and the workers that are there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from naomesh.policy.model import Reading, Signals
from naomesh.storage.tables import readings, workers

NO_SOURCE = "none"
SAMPLE_HOLDS_S = 60.0
"""A sample of the production holds until the next one, but no longer than this: six samples were then missed."""
WORKER_GONE_S = 15.0
"""A worker that was not seen for so long offers no slots."""


def note_reading(
    connection: Connection,
    *,
    now: datetime,
    source: str,
    reading: Reading | None,
    trusted_w: float,
    problem: str = "",
    outlook: Sequence[tuple[datetime, float]] = (),
) -> None:
    """Keep one sample of the production: a watt-hour is counted from `trusted_w`, which is 0 for nonsense.

    `source` is `none` where no source is set; `outlook` is kept with the newest sample alone.
    """
    newest = select(func.max(readings.c.id)).scalar_subquery()
    connection.execute(update(readings).where(readings.c.id == newest).values(outlook=[]))
    connection.execute(
        insert(readings).values(
            time=now,
            source=source,
            power_w=None if reading is None else _storable(reading.power_w),
            trusted_w=trusted_w,
            read_at=None if reading is None else reading.time,
            modelled=reading is not None and reading.modelled,
            problem=problem,
            outlook=[(time.isoformat(), round(watts, 1)) for time, watts in outlook],
        )
    )


def signals(connection: Connection, now: datetime) -> Signals:
    """What is known of the sun now."""
    row = connection.execute(select(readings).order_by(readings.c.id.desc()).limit(1)).mappings().first()
    if row is None:
        return Signals(now=now, production=None, problem="nobody has looked at the sun yet")
    if row["source"] == NO_SOURCE:
        return Signals(now=now, production=None, configured=False)
    reading = None
    if row["read_at"] is not None:
        watts = math.nan if row["power_w"] is None else row["power_w"]
        reading = Reading(watts, row["read_at"], row["modelled"])
    outlook = tuple((datetime.fromisoformat(time), float(watts)) for time, watts in row["outlook"])
    return Signals(now=now, production=reading, problem=row["problem"], outlook=outlook)


def source(connection: Connection) -> tuple[str, bool]:
    """The name of the source that was asked last, and whether its watts come from a model."""
    query = select(readings.c.source, readings.c.modelled).order_by(readings.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return (NO_SOURCE, False) if row is None else (row[0], row[1])


def production(connection: Connection, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
    """(time, W) of the samples that hold between two times, the one before `start` included; nonsense counts as 0."""
    first = connection.execute(select(func.max(readings.c.time)).where(readings.c.time <= start)).scalar()
    query = select(readings.c.time, readings.c.trusted_w).where(
        readings.c.time >= (first or start), readings.c.time <= end
    )
    return [(time, watts) for time, watts in connection.execute(query.order_by(readings.c.id))]


def forget_readings(connection: Connection, before: datetime) -> None:
    """Drop old samples."""
    connection.execute(delete(readings).where(readings.c.time < before))


def see_worker(connection: Connection, name: str, *, slots: int, node: str, now: datetime) -> None:
    """A worker says that it is there."""
    values = {"slots": slots, "node": node, "seen_at": now}
    if connection.execute(update(workers).where(workers.c.name == name).values(**values)).rowcount == 0:
        connection.execute(insert(workers).values(name=name, **values))


def lose_worker(connection: Connection, name: str) -> None:
    """A worker says good-bye."""
    connection.execute(delete(workers).where(workers.c.name == name))


def slots(connection: Connection, now: datetime) -> int:
    """How many jobs the workers that are there run at the same time."""
    since = now - timedelta(seconds=WORKER_GONE_S)
    return int(connection.execute(select(func.sum(workers.c.slots)).where(workers.c.seen_at >= since)).scalar() or 0)


def _storable(watts: float) -> float | None:
    return watts if watts == watts and abs(watts) < 1e300 else None  # NaN and infinity are no numbers in a database
