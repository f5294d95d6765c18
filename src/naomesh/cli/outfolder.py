"""The folder of one `run`: its results, and under `.naomesh` the state that lets the same command go on.

`.naomesh/run.json` says which job lives here: photos (by fingerprint), options, job id. It is written before the job's
row, so that whoever finds no row under its id makes one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from naomesh.errors import StorageError, UsageError

STATE = ".naomesh"
RESULTS = (
    "model.glb",
    "model.obj",
    "scene_dense_mesh_texture.ply",
    "scene_dense_mesh_texture.png",
    "preview.png",
    "receipt.json",
)


@dataclass(frozen=True)
class RunRecord:
    """What `run.json` holds; `deadline` is as it was typed, `until` the time that it meant (ISO 8601)."""

    job_id: str
    photos: str
    energy: str
    quality: str
    deadline: str
    engine: str
    until: str
    demo: bool = False

    @property
    def deadline_time(self) -> datetime:
        """By when the job is to be done."""
        return datetime.fromisoformat(self.until)

    def differences(self, other: RunRecord) -> list[str]:
        """In what another command asks for something else."""
        names = {"photos": "other photos", "energy": "energy", "quality": "quality", "deadline": "deadline"}
        names["engine"] = "engine"
        found = []
        for name, words in names.items():
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                found.append(words if name == "photos" else f"{words} {mine}, not {theirs}")
        return found


@dataclass
class OutFolder:
    """The folder `out`, as a run finds it and leaves it."""

    out: Path
    _made: list[Path] = field(default_factory=list)

    @property
    def state(self) -> Path:
        """The home of the run's own Onion."""
        return self.out / STATE

    def record(self) -> RunRecord | None:
        """Which job lives here, None where none does.

        :raises UsageError: the folder holds results of something else, or is no folder (`out-in-use`, `out-no-folder`).
        """
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"{self.out} is no folder.", mend="Name another with -o.", code="out-no-folder")
        file = self.state / "run.json"
        try:
            return RunRecord(**json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            pass
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"{file} cannot be read.",
                mend=f"Name another folder with -o, or remove {self.state}.",
                code="out-in-use",
            ) from error
        found = [name for name in RESULTS if (self.out / name).exists()]
        if found:
            raise UsageError(
                f"{self.out} already holds a {found[0]} that no run of this command made.",
                mend="Name another folder with -o.",
                code="out-in-use",
            )
        return None

    def require_same(self, known: RunRecord, wanted: RunRecord) -> None:
        """Refuse to mix two jobs in one folder.

        :raises UsageError: the command asks for another job than the one that lives here (`out-in-use`).
        """
        different = known.differences(wanted)
        if different:
            raise UsageError(
                f"{self.out} holds a run with {'; '.join(different)}.",
                mend="Name another folder with -o, or remove this one.",
                code="out-in-use",
            )

    def make(self) -> None:
        """Make the folders, and remember which were not there.

        :raises StorageError: they cannot be made (`out-unwritable`).
        """
        missing = [folder for folder in (self.state, self.out, *self.out.parents) if not folder.exists()]
        try:
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the folder {self.out} cannot be made: {error.strerror}.",
                mend="Name another with -o, or give yourself the right to write there.",
                code="out-unwritable",
            ) from error
        self._made = missing

    def write(self, record: RunRecord) -> None:
        """Say which job lives here."""
        temporary = self.state / "run.json.new"
        temporary.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
        temporary.replace(self.state / "run.json")

    def forget(self) -> None:
        """Leave nothing behind: the state goes, and every folder that was made for it and is empty."""
        shutil.rmtree(self.state, ignore_errors=True)
        for folder in self._made or [self.out]:
            if folder != self.state and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def clear(self, results: Iterable[str]) -> None:
        """Remove the state and these results, and nothing else."""
        for name in results:
            (self.out / name).unlink(missing_ok=True)
        shutil.rmtree(self.state)
