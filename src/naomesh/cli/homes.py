"""The Onion that a command talks to, when it is only to be looked at: nothing is created by looking."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import click
from pydantic_settings import BaseSettings

from naomesh.bootstrap import Onion
from naomesh.errors import JobError, OnionError
from naomesh.jobs.job import Job
from naomesh.jobs.states import ENDED
from naomesh.settings import Settings
from naomesh.storage import jobs

NO_ONION = "no-onion"


def exists(onion: Onion) -> bool:
    """Whether this Onion has a database yet. (One on a server is always asked: it says so itself.)"""
    return not onion.database.sqlite or Path(onion.database.url.removeprefix("sqlite:///")).is_file()


def running() -> Onion:
    """The Onion of the settings, which must be running.

    :raises OnionError: it is not (`no-onion`).
    """
    onion = Onion.configured()
    if not onion.home.in_use():
        raise OnionError(
            f"no Onion is running on {onion.home.root}.",
            mend="Start one with `naomesh up`, or compute without one: naomesh run PHOTOS -o OUT",
            code=NO_ONION,
        )
    return onion


def warn_when_still(onion: Onion, found: Iterable[Job]) -> None:
    """Say on standard error that unfinished jobs stand still where no Onion is running."""
    if not onion.home.in_use() and any(job.state not in ENDED for job in found):
        click.echo(f"no Onion is running on {onion.home.root}: nothing moves until `naomesh up`", err=True)


def require_startable(onion: Onion, *, orion: bool) -> None:
    """Refuse to start what could not run, before anything is written.

    :raises ValueError: pydantic's, for a setting that cannot be; `naomesh.cli.failures` puts it in words.
    :raises OnionError: another Onion has the home (`home-in-use`) or something listens on the port (`port-busy`).
    """
    read_settings(onion.settings)
    if orion and onion.home.in_use():
        onion.home.lock("orion").close()  # refuses, in the words of the lock
    if orion:
        require_port(onion.settings.orion.host, onion.settings.orion.port)


def read_settings(settings: Settings) -> list[BaseSettings]:
    """All of the settings, each class of them: a wrong one shows now, and not in a process that we start."""
    names = [name for name, value in vars(Settings).items() if isinstance(value, cached_property)]
    return [getattr(settings, name) for name in names]


def require_port(host: str, port: int) -> None:
    """Make sure that Orion could listen there.

    :raises OnionError: it could not (`port-busy`).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OnionError(
                f"port {port} of {host} cannot be used: {error.strerror}.",
                mend="Stop what listens there, or set NAOMESH_ORION_PORT to another port.",
                code="port-busy",
            ) from error


def with_job(job_id: str) -> tuple[Onion, Job]:
    """The Onion of the settings, running or not, and one of its jobs.

    :raises JobError: there is no such job (`no-job`).
    """
    onion = Onion.configured()
    if not exists(onion):
        raise JobError(
            f"there is no job {job_id!r}: nothing was ever submitted to {onion.home.root}.",
            mend="Is NAOMESH_HOME the folder of the Onion that you mean?",
            code="no-job",
        )
    with onion.database.read() as connection:
        return onion, jobs.get(connection, job_id)
