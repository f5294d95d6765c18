"""the first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from naomesh.storage.tables import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_since", UtcTime(), nullable=False),
        sa.Column("pictures_obj_key", sa.Text(), nullable=False),
        sa.Column("engine", sa.String(length=64), nullable=False),
        sa.Column("quality", sa.String(length=8), nullable=False),
        sa.Column("energy", sa.String(length=8), nullable=False),
        sa.Column("deadline", UtcTime(), nullable=False),
        sa.Column("submitted_at", UtcTime(), nullable=False),
        sa.Column("photos_given", sa.Integer(), server_default="0", nullable=False),
        sa.Column("megapixels", sa.Float(), server_default="0", nullable=False),
        sa.Column("expected_s", sa.Float(), server_default="0", nullable=False),
        sa.Column("left_s", sa.Float(), server_default="0", nullable=False),
        sa.Column("expected_draw_w", sa.Float(), server_default="0", nullable=False),
        sa.Column("flow_run_id", sa.String(length=36), nullable=True),
        sa.Column("flow_synced", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("held", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("step_idx", sa.Integer(), server_default="0", nullable=False),
        sa.Column("step_started_at", UtcTime(), nullable=True),
        sa.Column("progress_done", sa.Float(), server_default="0", nullable=False),
        sa.Column("progress_total", sa.Float(), server_default="0", nullable=False),
        sa.Column("node", sa.String(length=255), nullable=True),
        sa.Column("forced", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("pauses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("crashes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("last_started_at", UtcTime(), nullable=True),
        sa.Column("last_paused_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("wait_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("lease_worker", sa.String(length=255), nullable=True),
        sa.Column("lease_token", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_expires_at", UtcTime(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_step", sa.Integer(), nullable=True),
        sa.Column("photos", sa.JSON(), nullable=True),
        sa.Column("receipt", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_flow_synced", ["flow_synced"], unique=False)
        batch_op.create_index("ix_jobs_state_deadline", ["state", "deadline"], unique=False)

    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("time", UtcTime(), nullable=False),
        sa.Column("engine", sa.String(length=64), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("quality", sa.String(length=8), nullable=False),
        sa.Column("photos", sa.Integer(), nullable=False),
        sa.Column("megapixels", sa.Float(), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("wall_s", sa.Float(), nullable=False),
        sa.Column("peak_bytes", sa.BigInteger(), nullable=False),
        sa.Column("disk_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurements")),
    )
    with op.batch_alter_table("measurements", schema=None) as batch_op:
        batch_op.create_index("ix_measurements_engine_step", ["engine", "step"], unique=False)

    op.create_table(
        "readings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("time", UtcTime(), nullable=False),
        sa.Column("power_w", sa.Float(), nullable=True),
        sa.Column("trusted_w", sa.Float(), server_default="0", nullable=False),
        sa.Column("read_at", UtcTime(), nullable=True),
        sa.Column("modelled", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("outlook", sa.JSON(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readings")),
    )
    with op.batch_alter_table("readings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_readings_time"), ["time"], unique=False)

    op.create_table(
        "workers",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=128), nullable=False),
        sa.Column("time", UtcTime(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_events_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_events_job_id"), ["job_id"], unique=False)

    op.create_table(
        "step_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=128), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("cpu_s", sa.Float(), server_default="0", nullable=False),
        sa.Column("peak_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disk_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("draw_w", sa.Float(), nullable=False),
        sa.Column("facts", sa.JSON(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_step_runs_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step_runs")),
    )
    with op.batch_alter_table("step_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_step_runs_job_id"), ["job_id"], unique=False)
