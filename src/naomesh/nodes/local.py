"""The local node: this machine. Steps run as child processes in a folder of their own, within what the machine has."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from naomesh.engines.base import Command, NodeFiles, Outcome
from naomesh.errors import ResourceError, StorageError, UsageError
from naomesh.jobs.request import valid_job_id
from naomesh.nodes import machine, running
from naomesh.nodes.base import Capacity, Node, NodeProvider
from naomesh.storage.objects import ObjectStore

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
DISK_PHRASES = ("No space left on device", "Disk quota exceeded")
MEMORY_PHRASES = ("std::bad_alloc", "MemoryError", "Cannot allocate memory")
FULL_DISK_BYTES = 1 << 20
"""A program that failed while less than this was free failed because of it."""


class LocalFiles(NodeFiles):
    """The files of a workspace on this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def size(self, path: str) -> int | None:
        """Bytes of the file, or None where there is none."""
        found = self.path(path)
        return found.stat().st_size if found.is_file() else None

    def read(self, path: str, limit: int = 1 << 20) -> bytes:
        """The first `limit` bytes of a file.

        :raises StorageError: there is no such file (`no-file`).
        """
        try:
            with self.path(path).open("rb") as stream:
                return stream.read(limit)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise StorageError(f"There is no file {path!r} in {self.root}.", code="no-file") from None

    def glob(self, pattern: str) -> list[str]:
        """The files that match, in order of name. `**` is understood."""
        self.path(pattern)
        if pattern.endswith("**"):  # before Python 3.13 this means folders alone
            pattern += "/*"
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.glob(pattern) if path.is_file())

    def path(self, path: str) -> Path:
        """Where the file lies.

        :raises StorageError: outside of the workspace (`bad-path`).
        """
        if path.startswith("/") or ".." in path.split("/"):
            raise StorageError(f"The path {path!r} leads out of the workspace.", code="bad-path")
        return self.root / path


class LocalNode(Node):
    """The machine, or one slot of it, for one job."""

    files: LocalFiles

    def __init__(self, workspace: Path, threads: int, memory_bytes: int) -> None:
        self.name = socket.gethostname()
        self.threads = threads
        self.memory_bytes = memory_bytes
        self.disk_bytes = shutil.disk_usage(workspace).free
        self.files = LocalFiles(workspace)

    @property
    def workspace(self) -> Path:
        """The folder in which the commands run."""
        return self.files.root

    def run(self, command: Command, log: Path, on_line: Callable[[str], None]) -> Outcome:
        """Run a program in the workspace until it ends (`naomesh.nodes.running.run` says how).

        It gets the threads of the node in the usual variables, and at most `memory_bytes` for all its processes
        together. A program that does not exist ends with exit code 127 and says so in its log.

        :raises ResourceError: `out-of-memory`, `disk-full`.
        :raises StorageError: the workspace is gone (`workspace`): the node was released, or acquired by another.
        """
        phrases: set[str] = set()

        def listen(line: str) -> None:
            phrases.update(phrase for phrase in (*DISK_PHRASES, *MEMORY_PHRASES) if phrase in line)
            on_line(line)

        killed_before = _kernel_kills()
        try:
            ended = running.run(command.argv, self.workspace, self._env(command), self.memory_bytes, log, listen)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._disk_full() from error
            if not self.workspace.is_dir():
                raise _refusal("used", self.workspace, error) from error
            raise
        failed = ended.exit_code != 0
        kernel_killed = ended.exit_code in (-signal.SIGKILL, 128 + signal.SIGKILL) and _kernel_kills() > killed_before
        if ended.killed_bytes or kernel_killed or (failed and phrases.intersection(MEMORY_PHRASES)):
            raise self._out_of_memory(ended)
        if failed and (phrases.intersection(DISK_PHRASES) or self._free_bytes() < FULL_DISK_BYTES):
            raise self._disk_full()
        return Outcome(ended.exit_code, ended.wall_s, ended.cpu_s, ended.peak_bytes, ended.tail)

    def pull(self, store: ObjectStore, key: str, path: str) -> None:
        """Bring one object into the workspace."""
        store.get(key, self.files.path(path))

    def push(self, store: ObjectStore, path: str, key: str) -> None:
        """Put one file of the workspace into the object store."""
        store.put(self.files.path(path), key)

    def _env(self, command: Command) -> dict[str, str]:
        threads = dict.fromkeys(THREAD_VARIABLES, str(self.threads))
        return {**os.environ, **threads, **command.env}

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self.workspace).free

    def _disk_full(self) -> ResourceError:
        return ResourceError(
            f"The disk of {self.workspace} is full.",
            mend="Free some space, or move NAOMESH_HOME to a larger disk, and retry the job.",
            code="disk-full",
        )

    def _out_of_memory(self, ended: running.Ended) -> ResourceError:
        used_bytes = ended.killed_bytes or ended.peak_bytes
        return ResourceError(
            f"The step ran out of memory: it used {_megabytes(used_bytes)} where it may use "
            f"{_megabytes(self.memory_bytes)}.",
            mend="Take fewer or smaller photos, quality bad, fewer slots, or a machine with more memory.",
            code="out-of-memory",
        )


class LocalProvider(NodeProvider):
    """The machine as `slots` nodes; workspaces lie in `work`."""

    name = "local"

    def __init__(self, work: Path, slots: int = 1, memory_bytes: int | None = None) -> None:
        self.work = work
        self.threads = machine.step_threads(slots)
        self.memory_bytes = memory_bytes or machine.step_memory_bytes(slots)

    def acquire(self, job_id: str) -> LocalNode:
        """A node with an empty workspace; files and processes of an earlier life of the job are removed."""
        self.release(job_id)
        workspace = self._workspace(job_id)
        try:
            workspace.mkdir(parents=True)
        except OSError as error:
            raise _refusal("made", workspace, error) from error
        return LocalNode(workspace, self.threads, self.memory_bytes)

    def capacity(self) -> Capacity:
        """The share of one slot."""
        folder = next(folder for folder in (self.work, *self.work.parents) if folder.exists())
        return Capacity(self.threads, self.memory_bytes, shutil.disk_usage(folder).free)

    def release(self, job_id: str) -> None:
        """Remove the workspace and what runs in it; nothing happens where there is none."""
        workspace = self._workspace(job_id)
        running.end_strays(workspace)
        try:
            shutil.rmtree(workspace)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _refusal("removed", workspace, error) from error

    def _workspace(self, job_id: str) -> Path:
        if not valid_job_id(job_id):
            raise UsageError(f"{job_id!r} is no job id.", mend="Letters, digits, dots, dashes and underscores.")
        return self.work.resolve() / job_id


def _refusal(what: str, workspace: Path, error: OSError) -> StorageError | ResourceError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"The disk of {workspace} is full.", mend="Free some space.", code="disk-full")
    return StorageError(
        f"The workspace {workspace} cannot be {what}: {error.strerror}.",
        mend="Check its owner and permissions.",
        code="workspace",
    )


def _kernel_kills() -> int:
    """How many processes the kernel has killed for want of memory since it started; 0 where it does not say."""
    with contextlib.suppress(OSError, ValueError):
        counters = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
        return int(counters.get("oom_kill", 0))
    return 0


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB"
