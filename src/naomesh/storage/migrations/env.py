"""Alembic's entry point: it migrates on the connection that `Database.migrate` hands over."""

from __future__ import annotations

from alembic import context

from naomesh.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="naomesh_alembic_version",
    render_as_batch=True,
)
context.run_migrations()
