"""The connection to our database, SQLite or PostgreSQL, and its migrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from naomesh.errors import StorageError

MIGRATIONS = Path(__file__).parent / "migrations"
_GATE_LOCK = 0x6E616F  # PostgreSQL's advisory lock for decisions that must not run side by side


class Database:
    """Reads see a snapshot; a write takes the write lock at its start, so that what it read still holds when it
    writes. No network is used inside either."""

    def __init__(self, url: str) -> None:
        """`url` is SQLAlchemy's; an asynchronous driver in it is replaced by its synchronous twin."""
        url = url.replace("+aiosqlite", "").replace("+asyncpg", "")
        self.url = url
        self.sqlite = url.startswith("sqlite")
        # a pause of 15 s in another process (a full disk's retry, a slow checkpoint) must not fail this one
        arguments: dict[str, Any] = {"timeout": 15, "check_same_thread": False} if self.sqlite else {}
        self._engine: Engine = create_engine(url, connect_args=arguments, pool_pre_ping=not self.sqlite)
        if self.sqlite:
            event.listen(self._engine, "connect", _configure_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads.

        :raises StorageError: the database is away, damaged or full.
        """
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes; committed at the end of the block, rolled back when it raises.

        :raises StorageError: the database is away, read-only, damaged or full.
        """
        with (
            self._translated(),
            self._engine.connect() as connection,
            connection.execution_options(naomesh_write=True).begin(),
        ):
            yield connection

    def serialize(self, connection: Connection) -> None:
        """Let no other such block of this database run until the transaction ends (SQLite's writes never do)."""
        if not self.sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _GATE_LOCK})

    def migrate(self) -> None:
        """Bring the schema to the newest version, from whichever it has.

        :raises StorageError: the database is newer than this Naomesh (`schema-too-new`), or refuses.
        """
        from alembic import command
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError

        config = _alembic_config()
        with self.write() as connection:
            self.serialize(connection)
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                head = ScriptDirectory.from_config(config).get_current_head()
                raise StorageError(
                    f"the database {self} has a schema that this Naomesh does not know (it knows {head}).",
                    mend="Install the Naomesh that wrote it, or a newer one.",
                    code="schema-too-new",
                ) from error

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def __str__(self) -> str:
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, DBAPIError) as error:
            cause = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
            full = "full" in cause or "No space left" in cause
            raise StorageError(
                f"the database {self} refused: {cause}.",
                mend="Make room on its disk." if full else "Is it there, and may this user write to it?",
                code="database-full" if full else "database",
            ) from error


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so (_begin_sqlite)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("naomesh_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _alembic_config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
