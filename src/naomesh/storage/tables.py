"""Our tables. They stand beside Prefect's own and never in its schema; Alembic's table is `naomesh_alembic_version`.

Times are aware UTC in Python and plain UTC in the database; durations in s, powers in W, sizes in bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite and PostgreSQL both keep it without a zone."""

    impl = DateTime(timezone=False)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a naive time, keep the rest in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive time: {value!r}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Say that it is UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", String(128), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("state_since", UtcTime, nullable=False),
    # the request
    Column("pictures_obj_key", Text, nullable=False),
    Column("engine", String(64), nullable=False),
    Column("quality", String(8), nullable=False),
    Column("energy", String(8), nullable=False),
    Column("deadline", UtcTime, nullable=False),
    Column("submitted_at", UtcTime, nullable=False),
    Column("photos_given", Integer, nullable=False, server_default="0"),
    Column("megapixels", Float, nullable=False, server_default="0"),
    # what is expected of it
    Column("expected_s", Float, nullable=False, server_default="0"),
    Column("left_s", Float, nullable=False, server_default="0"),
    Column("expected_draw_w", Float, nullable=False, server_default="0"),
    # its flow run; `flow_synced` is false while Orion has yet to be told of the last move
    Column("flow_run_id", String(36)),
    Column("flow_synced", Boolean, nullable=False, server_default="0"),
    Column("held", Boolean, nullable=False, server_default="0"),
    # where it is
    Column("step_idx", Integer, nullable=False, server_default="0"),
    Column("step_started_at", UtcTime),
    Column("progress_done", Float, nullable=False, server_default="0"),
    Column("progress_total", Float, nullable=False, server_default="0"),
    Column("node", String(255)),
    Column("forced", Boolean, nullable=False, server_default="0"),
    Column("pauses", Integer, nullable=False, server_default="0"),
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("started_at", UtcTime),
    Column("last_started_at", UtcTime),
    Column("last_paused_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("wait_reason", Text, nullable=False, server_default=""),
    # whose it is: the token grows with every lease, and a late writer with an old one is refused
    Column("lease_worker", String(255)),
    Column("lease_token", Integer, nullable=False, server_default="0"),
    Column("lease_expires_at", UtcTime),
    # how it ended
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("error_step", Integer),
    Column("photos", JSON),
    Column("receipt", JSON),
)
Index("ix_jobs_state_deadline", jobs.c.state, jobs.c.deadline)
Index("ix_jobs_flow_synced", jobs.c.flow_synced)

step_runs = Table(
    "step_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("jobs.job_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("name", String(64), nullable=False),
    Column("token", Integer, nullable=False),
    Column("node", String(255), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("cpu_s", Float, nullable=False, server_default="0"),
    Column("peak_bytes", BigInteger, nullable=False, server_default="0"),
    Column("disk_bytes", BigInteger, nullable=False, server_default="0"),
    Column("draw_w", Float, nullable=False),
    Column("facts", JSON, nullable=False, server_default="{}"),
)

measurements = Table(
    "measurements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("time", UtcTime, nullable=False),
    Column("engine", String(64), nullable=False),
    Column("step", Integer, nullable=False),
    Column("quality", String(8), nullable=False),
    Column("photos", Integer, nullable=False),
    Column("megapixels", Float, nullable=False),
    Column("node", String(255), nullable=False),
    Column("wall_s", Float, nullable=False),
    Column("peak_bytes", BigInteger, nullable=False),
    Column("disk_bytes", BigInteger, nullable=False),
)
Index("ix_measurements_engine_step", measurements.c.engine, measurements.c.step)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("jobs.job_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("time", UtcTime, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("message", Text, nullable=False),
)

readings = Table(
    "readings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("time", UtcTime, nullable=False, index=True),
    Column("power_w", Float),
    Column("trusted_w", Float, nullable=False, server_default="0"),
    Column("read_at", UtcTime),
    Column("modelled", Boolean, nullable=False, server_default="0"),
    Column("source", String(64), nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
    Column("outlook", JSON, nullable=False, server_default="[]"),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("slots", Integer, nullable=False),
    Column("node", String(255), nullable=False),
    Column("seen_at", UtcTime, nullable=False),
)
