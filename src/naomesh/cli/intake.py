"""What is looked at before a job is taken: the photos, the machine, the deadline. Nothing is written here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naomesh.bootstrap import Onion, utc_now
from naomesh.cli import wording
from naomesh.cli.homes import exists
from naomesh.cli.options import Deadline
from naomesh.engines import estimate
from naomesh.engines.base import StepTask
from naomesh.errors import ResourceError, UsageError
from naomesh.jobs.request import Energy, Politic, Quality
from naomesh.storage import steps

if TYPE_CHECKING:
    from naomesh.engines.photos import Survey

SAMPLE_BYTES = 1 << 16
"""So much of a photo's beginning and of its end goes into its fingerprint, with its name and its size."""


@dataclass(frozen=True)
class Intake:
    """A job that could be taken."""

    survey: Survey
    politic: Politic
    deadline: datetime
    deadline_text: str
    engine: str
    expected: estimate.Total
    sunless: bool
    """Whether nothing can be green, because no energy source is set."""

    def lines(self) -> list[str]:
        """What a person is told before the job starts."""
        survey = self.survey
        lines = [f"{wording.count(len(survey.usable), 'photo')}, {survey.megapixels:.1f} megapixels"]
        lines += [wording.one_line(f"left out: {photo.name}: {photo.reason}") for photo in survey.left_out]
        lines.append(
            f"{wording.about(self.expected.seconds)} of work, {wording.size(self.expected.memory_bytes)} memory, "
            f"{wording.size(self.expected.disk_bytes)} disk"
        )
        if self.sunless and self.politic.energy is Energy.GREEN:
            lines.append(
                "no energy source is set (NAOMESH_ENERGY_SOURCE), so nothing can be green: "
                "jobs start at once, and everything counts as grid"
            )
        return lines

    def facts(self) -> dict[str, Any]:
        """The same for programs."""
        left_out = [{"name": photo.name, "reason": photo.reason} for photo in self.survey.left_out]
        return {
            "photos": {"given": self.survey.given, "used": len(self.survey.usable), "left_out": left_out},
            "megapixels": round(self.survey.megapixels, 2),
            "estimate": {
                "seconds": round(self.expected.seconds, 1),
                "memory_bytes": self.expected.memory_bytes,
                "disk_bytes": self.expected.disk_bytes,
            },
            "energy_source": not self.sunless,
        }


def look_at(onion: Onion, photos: Path, energy: str, quality: str, deadline: Deadline) -> Intake:
    """Survey the photos, and refuse what could not end well.

    :raises PhotosError: the photos cannot be used.
    :raises ResourceError: this machine is too small, or lacks a program of the engine.
    :raises UsageError: the deadline has passed.
    :raises EnergyError: the energy source cannot be built.
    """
    now = utc_now()
    until = deadline.counted_from(now)
    if until <= now:
        raise UsageError(
            f"the deadline {deadline.text} has passed.", mend="Give a later one, such as 24h.", code="deadline-passed"
        )
    sunless = onion.settings.energy.source == "none" or onion.energy_source() is None
    engine = onion.engine()
    from naomesh.engines.photos import survey as survey_photos

    survey = survey_photos(photos)
    missing = missing_programs(onion)
    if missing:
        raise ResourceError(f"this machine lacks {missing}.", code="engine-missing")
    politic = Politic(Quality(quality), Energy(energy))
    estimates = estimated(onion, politic, len(survey.usable), survey.megapixels)
    return Intake(survey, politic, until, deadline.text, engine.name, estimate.total(estimates), sunless)


def estimated(onion: Onion, politic: Politic, photos: int, megapixels: float) -> list[estimate.StepEstimate]:
    """What the job will take on this machine, from what is known without making a home.

    :raises ResourceError: this machine is too small for it.
    """
    engine, room = onion.engine(), onion.nodes.capacity()
    task = StepTask(politic.quality, photos, megapixels, threads=room.threads, memory_bytes=room.memory_bytes)
    history = []
    if exists(onion):
        with onion.database.read() as connection:
            history = steps.measured(connection, engine.name)
    found = estimate.estimate(engine, task, history)
    estimate.require_resources(found, task, memory_bytes=room.memory_bytes, disk_bytes=room.disk_bytes)
    return found


def missing_programs(onion: Onion) -> str:
    """What the engine needs and this machine lacks, in words; empty when nothing is missing."""
    from naomesh.nodes.local import LocalFiles

    return onion.engine().missing(LocalFiles(onion.home.root))


def fingerprint(paths: list[Path], on_file: Callable[[int, int], None] | None = None) -> str:
    """The same photos have the same fingerprint, wherever they lie and whenever they were copied."""
    digest = hashlib.blake2b(digest_size=16)
    for done, path in enumerate(sorted(paths, key=lambda path: path.name), start=1):
        size = path.stat().st_size
        digest.update(f"{len(path.name)} {path.name} {size}\n".encode(errors="surrogateescape"))
        with path.open("rb") as stream:
            digest.update(stream.read(SAMPLE_BYTES))
            if size > SAMPLE_BYTES:
                stream.seek(max(SAMPLE_BYTES, size - SAMPLE_BYTES))
                digest.update(stream.read(SAMPLE_BYTES))
        if on_file is not None:
            on_file(done, len(paths))
    return digest.hexdigest()
