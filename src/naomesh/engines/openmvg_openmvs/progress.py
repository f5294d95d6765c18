"""What the programs say of their progress, as a share of the whole step.

openMVG prints `[- EXTRACT FEATURES -] 50%`, openMVS `Estimated depth-maps 7 (50.00%, 6m, ETA 6m)...` (over and over in
one line, with carriage returns). Most steps go through several such phases, and some phases only tell that they are
over. The shares are those of the measured times (see `costs`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from naomesh.engines.base import Progress

PHASES: dict[int, tuple[tuple[str, float], ...]] = {
    0: (("Listing images", 1.0),),
    1: (("EXTRACT FEATURES", 1.0),),
    2: (("Saving pairs", 1.0),),
    3: (("Regions Loading", 0.05), ("Matching", 1.0)),
    4: (("Regions Loading", 0.2), ("Geometric filtering", 1.0)),
    5: (("Features Loading", 0.02), ("Selection of an initial pair", 0.1), ("#poses", 0.98), ("Total Sfm took", 1.0)),
    11: (("PROCESS VIEWS", 0.02), ("UNDISTORT IMAGES", 1.0)),
    12: (
        ("Estimated depth-maps", 0.62),
        ("Geometric-consistent estimated depth-maps", 0.81),
        ("Geometric-consistent estimated depth-maps", 0.985),
        ("Filtered depth-maps", 0.99),
        ("Fused depth-maps", 0.995),
        ("Point-cloud 'scene_dense.ply' saved", 1.0),
    ),
    13: (
        ("Points inserted", 0.12),
        ("Delaunay tetrahedralization completed", 0.15),
        ("Points weighted", 0.58),
        ("Delaunay tetrahedras weighting completed", 0.65),
        ("Delaunay tetrahedras graph-cut completed", 0.82),
        ("Cleaned mesh", 0.9),
        ("Cleaned mesh", 0.96),
        ("Cleaned mesh", 0.99),
        ("Mesh saved", 1.0),
    ),
    14: (("Mesh loaded", 0.01), ("Mesh subdivided", 0.08), ("Processed iterations", 0.98), ("Mesh saved", 1.0)),
    15: (
        ("Decimated faces", 0.05),
        ("Cleaned mesh", 0.1),
        ("Cleaned mesh", 0.11),
        ("Initialized views", 0.14),
        ("Assigning the best view to each face completed", 0.83),
        ("Generating texture atlas and image completed", 0.97),
        ("Mesh saved", 1.0),
    ),
}
"""Per step: what a phase calls itself, and the share of the step that is done when it is over, in order of time."""

_MVG = re.compile(r"\[-? ?([^\]]*?) ?-?\]\s+(\d{1,3})%")
_MVS = re.compile(r"^(\D+?) \d+ \((\d+(?:\.\d+)?)%")
_IDS = re.compile(r"^(?:\d+, )+$")
_POSES = re.compile(r"^ #poses: (\d+)$")
_LOCAL = 1
"""A bundle adjustment of one pose is that of a camera which was just placed, not of the scene."""


@dataclass
class Meter:
    """Follows one step. It remembers the phase, since two phases may have one name, and how many photographs there
    are to place, since the lines that count the placed ones do not say it."""

    number: int
    phase: int = 0
    percent: float = 0.0
    photos: int = 0

    def read(self, line: str) -> Progress | None:
        """The progress that a line tells, in hundredths of the step; None where it tells none."""
        told = self._told(line.rstrip().rpartition("\r")[2])
        if told is None:
            return None
        name, percent = told
        phase = self._find(name, percent)
        if phase is None:
            return None
        self.phase, self.percent = phase, percent
        phases = PHASES[self.number]
        begin = phases[phase - 1][1] if phase else 0.0
        return Progress(round(100 * (begin + (phases[phase][1] - begin) * percent / 100), 2), 100.0)

    def _told(self, line: str) -> tuple[str, float] | None:
        """The name of a phase and the percentage of it that is done."""
        if found := _MVG.search(line) or _MVS.search(line):
            return found[1].strip(), min(float(found[2]), 100.0)
        if self.number == 5:
            if _IDS.match(f"{line.rstrip()} "):
                self.photos = line.count(",")
                return None
            if found := _POSES.match(line):
                placed = int(found[1])
                return ("#poses", min(100 * placed / self.photos, 100.0)) if placed > _LOCAL and self.photos else None
        for name, _ in PHASES[self.number]:
            if name in line:
                return name, 100.0
        return None

    def _find(self, name: str, percent: float) -> int | None:
        """The phase of that name: the present one while its percentage grows, else the next; a first one that comes
        again is a new run of the step."""
        names = [phase for phase, _ in PHASES[self.number]]
        again = percent < self.percent or percent == self.percent == 100
        for phase in range(self.phase, len(names)):
            if names[phase] == name and not (phase == self.phase and again and name in names[phase + 1 :]):
                return phase
        return 0 if name == names[0] else None
