"""What `doctor` looks at. A check says in words what it found, or raises the error that says what to do."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from naomesh.bootstrap import Onion, utc_now
from naomesh.cli import wording
from naomesh.cli.failures import bad_setting
from naomesh.cli.homes import exists, read_settings, require_port
from naomesh.cli.intake import missing_programs
from naomesh.errors import EnergyError, NaomeshError, OnionError, ResourceError, StorageError, UsageError
from naomesh.orion.situation import rules
from naomesh.policy.model import Reading, Signals
from naomesh.policy.readings import trusted

PACKAGES = ("prefect", "fastapi", "sqlalchemy", "pycolmap", "opencv-python-headless", "numpy", "trimesh", "pvlib")
PINNED = {"prefect": "3.8.8"}
"""The policy hangs on a hook inside Prefect, so its version matters."""
LITTLE_MEMORY_BYTES = 2_000_000_000
LITTLE_DISK_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Finding:
    """What one check found: verdict `ok`, `note` (works, but look at it) or `wrong`."""

    name: str
    verdict: str
    detail: str
    mend: str = ""
    code: str = ""


class Note(Exception):
    """All works, but somebody may want to know."""


Check = Callable[[Onion], str]


def run_check(name: str, check: Check, onion: Onion) -> Finding:
    """One check, whatever it raises."""
    try:
        return Finding(name, "ok", check(onion))
    except ValueError as error:
        wrong = bad_setting(error)
        if wrong is None:
            raise
        return Finding(name, "wrong", wrong.message, wrong.mend, wrong.code)
    except Note as note:
        return Finding(name, "note", str(note))
    except NaomeshError as error:
        return Finding(name, "wrong", error.message, error.mend, error.code)


def settings(onion: Onion) -> str:
    """Whether each setting is what it should be."""
    changed = sum(len(section.model_fields_set) for section in read_settings(onion.settings))
    return f"{wording.count(changed, 'setting')} from the environment, all understood"


def python(_onion: Onion) -> str:
    """The interpreter."""
    return f"Python {platform.python_version()} in {sys.prefix}"


def packages(_onion: Onion) -> str:
    """What was installed beside us."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            raise UsageError(
                f"the package {name} is not installed.", mend="Install Naomesh again: make demo", code="package-missing"
            ) from None
    for name, wanted in PINNED.items():
        if found[name] != wanted:
            raise UsageError(
                f"{name} is {found[name]}, and must be {wanted}.", mend=f"pip install {name}=={wanted}", code="version"
            )
    return ", ".join(f"{name} {number}" for name, number in found.items())


def machine(onion: Onion) -> str:
    """Cores and memory for a step."""
    room = onion.nodes.capacity()
    text = f"{wording.count(room.threads, 'core')} and {wording.size(room.memory_bytes)} of memory for each job"
    if room.memory_bytes < LITTLE_MEMORY_BYTES:
        raise Note(f"{text}: enough for some dozens of photos in quality bad")
    return text


def home(onion: Onion) -> str:
    """Where the state is kept."""
    root = onion.home.root
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise StorageError(
            f"{there} cannot be written.",
            mend="Set NAOMESH_HOME to another folder, or give yourself the right to write there.",
            code="home-unwritable",
        )
    free = shutil.disk_usage(there).free
    text = f"{root}, {wording.size(free)} free{'' if root.exists() else '; made at the first start'}"
    if free < LITTLE_DISK_BYTES:
        raise ResourceError(f"{text}.", mend="Free some space, or set NAOMESH_HOME to a larger disk.", code="disk-full")
    return text


def database(onion: Onion) -> str:
    """Our tables, and their schema."""
    if not exists(onion):
        return f"{onion.database}, made at the first start"
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from naomesh.storage.database import MIGRATIONS

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with onion.database.read() as connection:
        options = {"version_table": "naomesh_alembic_version"}
        present = MigrationContext.configure(connection, opts=options).get_current_revision()
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    if present == newest:
        return f"{onion.database}, schema {present}"
    if present is not None and present not in {script.revision for script in scripts.walk_revisions()}:
        raise StorageError(
            f"{onion.database} has the schema {present}, which this Naomesh does not know.",
            mend="Install the Naomesh that wrote it, or a newer one.",
            code="schema-too-new",
        )
    raise Note(f"{onion.database} has the schema {present or '(none)'}; the next `naomesh up` brings it to {newest}")


def engine(onion: Onion) -> str:
    """The engine, and the programs that it needs."""
    found = onion.engine()
    missing = missing_programs(onion)
    if missing:
        raise ResourceError(
            f"the engine {found.name} lacks {missing}.",
            mend="Install what is missing, or set NAOMESH_ENGINE_NAME=pocket.",
            code="engine-missing",
        )
    return f"{found.name}, {wording.count(len(found.steps), 'step')}"


def energy(onion: Onion) -> str:
    """The sun, read once, with the timeout that the settings name."""
    source = onion.energy_source()
    if source is None:
        raise Note("no source is set (NAOMESH_ENERGY_SOURCE): jobs start at once, all energy counts as grid")
    answer: list[Reading | Exception] = []

    def read() -> None:
        try:
            answer.append(source.read(utc_now()))
        except Exception as error:
            answer.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    timeout_s = onion.settings.energy.timeout_s
    reader.join(timeout_s)
    if not answer:
        raise EnergyError(f"{source.name} has not answered within {timeout_s:g} s.", code="source-silent")
    if isinstance(answer[0], NaomeshError):
        raise answer[0]
    if isinstance(answer[0], Exception):
        raise EnergyError(f"{source.name} failed: {answer[0]}.", code="source-silent")
    watts, doubt = trusted(Signals(utc_now(), answer[0]), rules(onion.settings.policy))
    if watts is None:
        raise EnergyError(f"{source.name} is not to be trusted: {doubt}.", code="source-nonsense")
    return f"{source.name} gives {wording.watts(watts)}{' (modelled)' if answer[0].modelled else ''}"


def orion(onion: Onion) -> str:
    """Orion's port: free, or ours."""
    host, port = onion.settings.orion.host, onion.settings.orion.port
    if importlib.util.find_spec("prefect") is None:
        raise OnionError("Prefect is not installed.", code="package-missing")
    if onion.home.in_use():
        return f"an Onion is running: {onion.home.announced().get('orion', '?')}"
    require_port(host, port)
    return f"no Onion is running; port {port} of {host} is free"


CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", python),
    ("packages", packages),
    ("settings", settings),
    ("machine", machine),
    ("home", home),
    ("database", database),
    ("engine", engine),
    ("energy", energy),
    ("orion", orion),
)
