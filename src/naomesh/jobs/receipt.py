"""The receipt: what became of the photographs, and what the model took in time, memory and energy.

``receipt.json`` (``Receipt.to_dict``) keeps these names; a reader ignores keys that it does not know. Durations end in
``_s`` (seconds), sizes in ``_bytes``, energies in ``_wh``; times are ISO 8601 in UTC with ``Z``, or null.

    version         1
    job_id          the job
    politic         {quality: good|bad, energy: green|bypass}
    engine          pocket | openmvg_openmvs
    nodes           [names of the nodes that it ran on, in order of their first step]
    photos          {given, used, left_out: [{name, reason}]}
    registered      photos that found their place in the model
    points, faces   of the dense cloud, and of the model
    steps           [{number, name, attempts, started, ended, wall_s, cpu_s, peak_bytes, energy_wh, solar_wh, grid_wh,
                    node}]
    totals          {wall_s, cpu_s, peak_bytes (the highest), energy_wh, solar_wh, grid_wh} of the steps
    waiting         {sun_s: seconds parked, pauses: how often it was parked between two steps}
    energy_source   {name, modelled}: where the production came from; modelled when from no meter
    energy_method   one sentence: how the energy was got
    submitted, started, ended, deadline
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from naomesh.jobs.request import Energy, Politic, Quality

VERSION = 1


@dataclass(frozen=True)
class LeftOut:
    """A photograph that was not used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Photos:
    """How many photographs came, how many were used, and the others by name."""

    given: int
    used: int
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class StepUse:
    """What one step took, its last attempt's times and the energy of all attempts. Energies in Wh."""

    number: int
    name: str
    attempts: int
    started: datetime
    ended: datetime
    wall_s: float
    cpu_s: float
    peak_bytes: int
    energy_wh: float
    solar_wh: float
    grid_wh: float
    node: str


@dataclass(frozen=True)
class Totals:
    """Sums over the steps; `peak_bytes` is the highest of them."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    energy_wh: float
    solar_wh: float
    grid_wh: float

    @classmethod
    def of(cls, steps: tuple[StepUse, ...]) -> Totals:
        """The totals of these steps; all 0 where there are none."""
        return cls(
            wall_s=sum(step.wall_s for step in steps),
            cpu_s=sum(step.cpu_s for step in steps),
            peak_bytes=max((step.peak_bytes for step in steps), default=0),
            energy_wh=sum(step.energy_wh for step in steps),
            solar_wh=sum(step.solar_wh for step in steps),
            grid_wh=sum(step.grid_wh for step in steps),
        )


@dataclass(frozen=True)
class Waiting:
    """Seconds parked for want of sun, a node or a start, and how often it was parked between two steps."""

    sun_s: float = 0.0
    pauses: int = 0


@dataclass(frozen=True)
class SourceUsed:
    """Where the production came from; `modelled` when from no meter. Name `none`: all energy counts as grid."""

    name: str = "none"
    modelled: bool = False


@dataclass(frozen=True)
class Receipt:
    """One job's receipt. Times are aware UTC, None while they have not come."""

    job_id: str
    politic: Politic
    engine: str
    photos: Photos
    submitted: datetime
    deadline: datetime
    registered: int = 0
    points: int = 0
    faces: int = 0
    steps: tuple[StepUse, ...] = ()
    waiting: Waiting = field(default_factory=Waiting)
    energy_source: SourceUsed = field(default_factory=SourceUsed)
    energy_method: str = ""
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it ran on, in order of their first step."""
        return tuple(dict.fromkeys(step.node for step in self.steps))

    @property
    def totals(self) -> Totals:
        """Sums over the steps."""
        return Totals.of(self.steps)

    def to_dict(self) -> dict[str, Any]:
        """What ``receipt.json`` holds; the names are those in this module's docstring."""
        return {
            "version": VERSION,
            "job_id": self.job_id,
            "politic": {"quality": self.politic.quality.value, "energy": self.politic.energy.value},
            "engine": self.engine,
            "nodes": list(self.nodes),
            "photos": {
                "given": self.photos.given,
                "used": self.photos.used,
                "left_out": [asdict(photo) for photo in self.photos.left_out],
            },
            "registered": self.registered,
            "points": self.points,
            "faces": self.faces,
            "steps": [asdict(step) | {"started": _iso(step.started), "ended": _iso(step.ended)} for step in self.steps],
            "totals": asdict(self.totals),
            "waiting": asdict(self.waiting),
            "energy_source": asdict(self.energy_source),
            "energy_method": self.energy_method,
            "submitted": _iso(self.submitted),
            "started": _iso(self.started),
            "ended": _iso(self.ended),
            "deadline": _iso(self.deadline),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Receipt:
        """Read what `to_dict` made, of this version or an earlier one.

        :raises ValueError: it is of a later version, or something is missing or of another kind.
        """
        version = stored.get("version")
        if not isinstance(version, int) or not 1 <= version <= VERSION:
            raise ValueError(f"a receipt of version {version!r}; this program reads versions 1 to {VERSION}")
        try:
            return cls._read(stored)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a receipt: {type(error).__name__} {error}") from error

    def rows(self) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
        """A table of the steps, the last line their total: (title, headers, lines), all text."""
        headers = ("step", "", "tries", "time", "CPU time", "memory", "energy", "sun", "grid", "node")
        lines = [(str(step.number), step.name, str(step.attempts), *_figures(step), step.node) for step in self.steps]
        lines.append(("", "all", "", *_figures(self.totals), ""))
        modelled = " (modelled)" if self.energy_source.modelled else ""
        title = (
            f"{self.job_id}: {self.registered} of {self.photos.given} photos, {self.points:,} points, "
            f"{self.faces:,} faces; sun: {self.energy_source.name}{modelled}"
        )
        return title, headers, lines

    @classmethod
    def _read(cls, stored: Mapping[str, Any]) -> Receipt:
        photos, politic, source = stored["photos"], stored["politic"], stored["energy_source"]
        return cls(
            job_id=str(stored["job_id"]),
            politic=Politic(Quality(politic["quality"]), Energy(politic["energy"])),
            engine=str(stored["engine"]),
            photos=Photos(
                int(photos["given"]),
                int(photos["used"]),
                tuple(LeftOut(str(photo["name"]), str(photo["reason"])) for photo in photos["left_out"]),
            ),
            submitted=_required(stored["submitted"]),
            deadline=_required(stored["deadline"]),
            registered=int(stored["registered"]),
            points=int(stored["points"]),
            faces=int(stored["faces"]),
            steps=tuple(_step(step) for step in stored["steps"]),
            waiting=Waiting(float(stored["waiting"]["sun_s"]), int(stored["waiting"]["pauses"])),
            energy_source=SourceUsed(str(source["name"]), bool(source["modelled"])),
            energy_method=str(stored["energy_method"]),
            started=_time(stored["started"]),
            ended=_time(stored["ended"]),
        )


def _step(stored: Mapping[str, Any]) -> StepUse:
    return StepUse(
        number=int(stored["number"]),
        name=str(stored["name"]),
        attempts=int(stored["attempts"]),
        started=_required(stored["started"]),
        ended=_required(stored["ended"]),
        wall_s=float(stored["wall_s"]),
        cpu_s=float(stored["cpu_s"]),
        peak_bytes=int(stored["peak_bytes"]),
        energy_wh=float(stored["energy_wh"]),
        solar_wh=float(stored["solar_wh"]),
        grid_wh=float(stored["grid_wh"]),
        node=str(stored["node"]),
    )


def _figures(use: StepUse | Totals) -> tuple[str, ...]:
    share = f"{100 * use.solar_wh / use.energy_wh:.0f} %" if use.energy_wh > 0 else "-"
    return (
        f"{use.wall_s:.1f} s",
        f"{use.cpu_s:.1f} s",
        f"{use.peak_bytes / 1e6:.0f} MB",
        f"{use.energy_wh:.2f} Wh",
        share,
        f"{use.grid_wh:.2f} Wh",
    )


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _time(text: str | None) -> datetime | None:
    return None if text is None else _required(text)


def _required(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.utcoffset() is None:
        raise ValueError(f"the time {text} has no zone")
    return time.astimezone(UTC)
