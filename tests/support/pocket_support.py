"""Runs the pocket engine as a worker does, each step in a workspace that holds its checkpoints alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from naomesh.engines.base import Facts, Outcome, Progress, Step, StepTask
from naomesh.engines.mesh import TexturedMesh
from naomesh.engines.pocket.engine import PocketEngine
from naomesh.jobs.request import Quality
from naomesh.nodes.local import LocalNode

THREADS = 2
MEMORY_BYTES = 4 << 30

FLOOR = """
import sys, pycolmap
photos, work = sys.argv[1:]
pycolmap.logging.minloglevel = 2
options = pycolmap.FeatureExtractionOptions()
options.max_image_size = 800
options.sift.max_num_features = 2048
options.num_threads = 2
pycolmap.extract_features(work + "/floor.db", photos, extraction_options=options, device=pycolmap.Device.cpu)
pycolmap.match_exhaustive(work + "/floor.db", device=pycolmap.Device.cpu)
pycolmap.incremental_mapping(work + "/floor.db", photos, work)
"""
"""Features, matching and mapping by pycolmap at 800 px with 2048 features and otherwise its own settings."""


@dataclass
class Run:
    """What the engine did: `folder` holds the photographs and every checkpoint; the rest is per step number."""

    folder: Path
    task: StepTask
    facts: dict[int, Facts] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    progress: dict[int, list[Progress]] = field(default_factory=dict)
    wall_s: float = 0.0

    @property
    def peak_bytes(self) -> int:
        """The most memory that any step took, all its processes together."""
        return max(outcome.peak_bytes for outcome in self.outcomes.values())

    def model(self) -> TexturedMesh:
        """What the last step left."""
        return TexturedMesh.load(self.folder)

    @property
    def undistorted(self) -> Path:
        """The photographs that the model's cameras describe."""
        return self.folder / "pocket/images"


def task_for(folder: Path, quality: Quality) -> StepTask:
    """The task for the photographs in `folder/photos`."""
    sizes = []
    for path in sorted((folder / "photos").glob("*.jpg")):
        with Image.open(path) as image:
            sizes.append(image.width * image.height / 1e6)
    return StepTask(quality, len(sizes), sum(sizes), THREADS, MEMORY_BYTES)


def run_engine(folder: Path, quality: Quality, *, last: int = 15, fresh: bool = False) -> Run:
    """Run the steps up to `last` on the photographs in `folder/photos` and check each.

    `fresh`: each step starts in a new workspace with the photographs and the earlier steps' outputs, as after a pause.
    """
    engine = PocketEngine()
    run = Run(folder, task_for(folder, quality))
    begun = time.perf_counter()
    for step in engine.steps:
        if step.number <= last:
            run_step(engine, step, run, fresh=fresh)
    run.wall_s = time.perf_counter() - begun
    return run


def floor_s(folder: Path) -> float:
    """Seconds that pycolmap alone takes now for the first half of the way, on the photographs in `folder/photos`."""
    scratch = folder / "floor"
    scratch.mkdir()
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", FLOOR, str(folder / "photos"), str(scratch)], check=True, capture_output=True)
    return time.perf_counter() - begun


def run_step(engine: PocketEngine, step: Step, run: Run, *, fresh: bool) -> None:
    """Run and check one step; what it raises is raised."""
    workspace = run.folder
    if fresh:
        workspace = run.folder / f"step-{step.number}"
        _restore(engine, step, run.folder, workspace)
    node = LocalNode(workspace, THREADS, MEMORY_BYTES)
    told: list[Progress] = []

    def listen(line: str) -> None:
        progress = engine.progress(step, line)
        if progress is not None:
            told.append(progress)

    outcome = node.run(engine.command(step, run.task), run.folder / f"{step.number}.log", listen)
    run.outcomes[step.number], run.progress[step.number] = outcome, told
    run.facts[step.number] = engine.check(step, run.task, node.files, outcome)
    if fresh:
        _keep(step.outputs, workspace, run.folder)
        shutil.rmtree(workspace)


def _restore(engine: PocketEngine, step: Step, source: Path, workspace: Path) -> None:
    """The photographs, and the checkpoints of the steps before."""
    workspace.mkdir()
    patterns = [pattern for earlier in engine.steps if earlier.number < step.number for pattern in earlier.outputs]
    _keep(("photos/*", "photos.json", *patterns), source, workspace)


def _keep(patterns: tuple[str, ...], source: Path, target: Path) -> None:
    for pattern in patterns:
        for path in sorted(source.glob(pattern)):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
