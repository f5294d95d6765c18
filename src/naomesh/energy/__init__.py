"""Where the watts come from, and who used them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from naomesh.energy.base import EnergySource
from naomesh.errors import EnergyError

if TYPE_CHECKING:
    from naomesh.settings import EnergySettings


def build(settings: EnergySettings, *, began: datetime | None = None) -> EnergySource | None:
    """The source that the settings name; None for `none`: then nothing can be green.

    `began` (aware UTC) is when the replay of a trace began, so that processes that share it agree.

    :raises EnergyError: the source cannot be built (`trace-...`).
    """
    if settings.source == "none":
        return None
    if settings.source == "constant":
        from naomesh.energy.constant import ConstantSource

        return ConstantSource(settings.constant_w)
    if settings.source == "trace":
        return _trace(settings, began)
    from naomesh.energy.clear_sky import ClearSkySource

    return ClearSkySource(
        latitude=settings.latitude,
        longitude=settings.longitude,
        tilt_deg=settings.tilt_deg,
        azimuth_deg=settings.azimuth_deg,
        peak_w=settings.peak_w,
    )


def _trace(settings: EnergySettings, began: datetime | None) -> EnergySource:
    from naomesh.energy.trace import TraceSource

    if settings.trace is None:
        raise EnergyError(
            "the energy source is a trace, but no file is named.",
            mend="Set NAOMESH_ENERGY_TRACE to a CSV file with the header time,power_w.",
            code="trace-missing",
        )
    return TraceSource.from_file(
        settings.trace,
        speed=settings.trace_speed,
        start=settings.trace_start,
        loop=settings.trace_loop,
        began=began,
    )
