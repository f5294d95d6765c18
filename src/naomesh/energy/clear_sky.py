"""The source `clear_sky`: what the panels would give if no cloud were in the sky. A model, needing no network.

Sun's position by NREL's SPA, irradiance by the simplified Solis model (Ineichen 2008), on the panels' plane with an
isotropic sky (Loutzenhiser et al. 2007), all from pvlib. From there to AC: peak power times the plane's irradiance over
1000 W/m2, less PVWatts' 14 % of losses (Dobos 2014), at most the peak power.

The air is one for all seasons. Its two figures were chosen so that at Nantes the energy of every month's middle day on
the horizontal is within 7 % of the Ineichen-Perez model with pvlib's monthly table of the air.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from naomesh.energy.base import EnergySource
from naomesh.policy.model import Reading

STANDARD_W_M2 = 1000.0
PERFORMANCE = 0.86
AEROSOL_DEPTH = 0.15
"""At 700 nm."""
WATER_CM = 1.5
OUTLOOK_STEP = timedelta(minutes=15)
OUTLOOK_POINTS = 97


class ClearSkySource(EnergySource):
    """Panels of `peak_w` at `latitude`, `longitude` (degrees, north and east positive), tilted by `tilt_deg` from the
    horizontal, looking to `azimuth_deg` (180 is south)."""

    name = "clear_sky"
    modelled = True

    def __init__(
        self, *, latitude: float, longitude: float, tilt_deg: float, azimuth_deg: float, peak_w: float
    ) -> None:
        self._latitude = latitude
        self._longitude = longitude
        self._tilt_deg = tilt_deg
        self._azimuth_deg = azimuth_deg
        self._peak_w = peak_w
        self._outlook: list[tuple[datetime, float]] = []

    def read(self, now: datetime) -> Reading:
        """The model's power at `now`."""
        return Reading(self.powers_w([now])[0], now, modelled=True)

    def outlook(self, now: datetime) -> list[tuple[datetime, float]]:
        """The model itself, for 24 h, at each quarter of an hour."""
        quarter = datetime.fromtimestamp(now.timestamp() // 900 * 900, UTC)
        if not self._outlook or self._outlook[0][0] != quarter:
            times = [quarter + index * OUTLOOK_STEP for index in range(OUTLOOK_POINTS)]
            self._outlook = list(zip(times, self.powers_w(times), strict=True))
        return self._outlook

    def powers_w(self, times: list[datetime]) -> list[float]:
        """The model's power at each of `times` (aware), in W."""
        import pandas as pd  # here, since pandas and pvlib take seconds to import, and few need them
        from pvlib import clearsky, irradiance, solarposition

        index = pd.DatetimeIndex(times).tz_convert("UTC")
        sun: Any = solarposition.get_solarposition(index, self._latitude, self._longitude)
        sky: Any = clearsky.simplified_solis(
            sun["apparent_elevation"], aod700=AEROSOL_DEPTH, precipitable_water=WATER_CM
        )
        plane: Any = irradiance.get_total_irradiance(
            self._tilt_deg,
            self._azimuth_deg,
            sun["apparent_zenith"],
            sun["azimuth"],
            sky["dni"],
            sky["ghi"],
            sky["dhi"],
        )
        up = sun["apparent_elevation"] > 0
        ac_w = (plane["poa_global"].where(up, 0.0) / STANDARD_W_M2 * PERFORMANCE * self._peak_w).fillna(0.0)
        return [float(power_w) for power_w in ac_w.clip(0.0, self._peak_w)]
