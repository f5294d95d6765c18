"""Everything that can be set, from the environment or `.env`: one class per subsystem, prefix `NAOMESH_`.

The table in docs/settings.md is made from these classes.
"""

from __future__ import annotations

import os
import socket
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _config(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(
        env_prefix=prefix, env_file=".env", env_file_encoding="utf-8", extra="ignore", populate_by_name=True
    )


class HomeSettings(BaseSettings):
    """Where the Onion keeps its state."""

    model_config = _config("NAOMESH_")

    home: Path = Field(
        default_factory=lambda: Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "naomesh",
        description="Folder of the Onion's state: databases, objects, workspaces, logs.",
    )
    database_url: str = Field(default="", description="SQLAlchemy URL of our own tables. Empty: SQLite in the home.")


class OrionSettings(BaseSettings):
    """The Prefect server."""

    model_config = _config("NAOMESH_ORION_")

    host: str = Field(default="127.0.0.1", description="Address on which Orion listens.")
    port: int = Field(default=4200, ge=0, le=65535, description="Port on which Orion listens; 0 takes a free one.")


class WorkerSettings(BaseSettings):
    """The worker that runs flows."""

    model_config = _config("NAOMESH_WORKER_")

    name: str = Field(
        default_factory=socket.gethostname, description="Name of this worker; two workers never share one."
    )
    slots: int = Field(default=1, ge=1, le=1000, description="Jobs that this worker runs at the same time.")
    lease_s: float = Field(
        default=30.0, gt=0, description="How long a job stays with a worker that says nothing, in s."
    )
    poll_s: float = Field(default=0.1, gt=0, description="How often the worker looks for work, in s.")


class NodeSettings(BaseSettings):
    """The nodes on which steps run."""

    model_config = _config("NAOMESH_NODE_")

    provider: Literal["local"] = Field(default="local", description="Where nodes come from.")
    idle_w: float = Field(default=70.0, ge=0, description="Draw of an idle node, in W (an ecotype node: 65 to 75).")
    busy_w: float = Field(
        default=117.0, ge=0, description="Draw of a node with all cores busy, in W (an ecotype node: 112 to 123)."
    )


class EngineSettings(BaseSettings):
    """The photogrammetry engine."""

    model_config = _config("NAOMESH_ENGINE_")

    name: str = Field(default="pocket", description="Engine: pocket or openmvg_openmvs.")
    mvgmvs_command: str = Field(
        default="",
        validation_alias=AliasChoices(
            "NAOMESH_ENGINE_MVGMVS_COMMAND",
            "NAOMESH_ORCHESTRATOR_DOCKER_OPENMVS_IMAGE_MVGMVSPIPELINE_COMMAND_NAME",
            "mvgmvs_command",
        ),
        description="Command of the container image that runs openMVG and openMVS (`mvgmvs`); empty: their programs.",
    )


class EnergySettings(BaseSettings):
    """The sun."""

    model_config = _config("NAOMESH_ENERGY_")

    source: Literal["none", "constant", "trace", "clear_sky"] = Field(
        default="none", description="Source of the production; none: nothing can be green, jobs start at once."
    )
    constant_w: float = Field(default=0.0, description="Production of the source `constant`, in W.")
    trace: Path | None = Field(default=None, description="CSV of the source `trace`: time,power_w (ISO 8601, W).")
    trace_speed: float = Field(default=1.0, gt=0, description="How many seconds of the trace pass in one second.")
    trace_start: str = Field(default="", description="Time in the trace at which the replay starts (ISO 8601).")
    trace_loop: bool = Field(default=False, description="Start the trace again when it has ended.")
    latitude: float = Field(default=47.2184, ge=-90, le=90, description="Latitude of the panels (Nantes).")
    longitude: float = Field(default=-1.5536, ge=-180, le=180, description="Longitude of the panels (Nantes).")
    tilt_deg: float = Field(
        default=35.0, ge=0, le=90, description="Tilt of the panels from the horizontal, in degrees."
    )
    azimuth_deg: float = Field(default=180.0, ge=0, le=360, description="Where the panels look: 180 is south.")
    peak_w: float = Field(default=4200.0, gt=0, description="Peak power of the panels, in W.")
    timeout_s: float = Field(default=5.0, gt=0, description="How long one reading may take, in s.")


class PolicySettings(BaseSettings):
    """GreenFlowPolicy: when a job may start, and when it pauses. Same names and meanings as naomesh.policy.Rules."""

    model_config = _config("NAOMESH_POLICY_")

    minimum_production_w: float = Field(
        default=100.0,
        ge=0,
        validation_alias=AliasChoices(
            "NAOMESH_POLICY_MINIMUM_PRODUCTION_W",
            "NAOMESH_ORCHESTRATOR_MINIMUM_PRODUCTION_SOLAR_PANELS",
            "minimum_production_w",
        ),
        description="Below this production nothing green starts, in W.",
    )
    start_fraction: float = Field(
        default=1.0, gt=0, le=1, description="Share of a job's expected draw that the surplus must cover at its start."
    )
    pause_below_w: float = Field(
        default=0.0, le=0, description="A job pauses at a step boundary when the surplus is below this, in W."
    )
    max_reading_age_s: float = Field(default=300.0, gt=0, description="An older reading is no sun, in s.")
    min_run_s: float = Field(default=300.0, ge=0, description="A job that started is not paused before, in s.")
    min_pause_s: float = Field(default=300.0, ge=0, description="A job that was paused does not go on before, in s.")
    min_left_s: float = Field(default=900.0, ge=0, description="A job with less left is not paused, in s.")
    min_slack_s: float = Field(
        default=3600.0, ge=0, description="No pause when the deadline guard would end it within this time, in s."
    )
    guard_margin: float = Field(
        default=1.5, ge=1, description="The deadline guard takes this many times the estimate for the time left."
    )
    guard_early_s: float = Field(
        default=600.0, ge=0, description="The deadline guard starts a job this much early, in s."
    )


class Settings:
    """All of them, each read once, when it is first asked for."""

    @cached_property
    def home(self) -> HomeSettings:
        """State."""
        return HomeSettings()

    @cached_property
    def orion(self) -> OrionSettings:
        """Prefect server."""
        return OrionSettings()

    @cached_property
    def worker(self) -> WorkerSettings:
        """Worker."""
        return WorkerSettings()

    @cached_property
    def node(self) -> NodeSettings:
        """Nodes."""
        return NodeSettings()

    @cached_property
    def engine(self) -> EngineSettings:
        """Engine."""
        return EngineSettings()

    @cached_property
    def energy(self) -> EnergySettings:
        """Sun."""
        return EnergySettings()

    @cached_property
    def policy(self) -> PolicySettings:
        """Policy."""
        return PolicySettings()
