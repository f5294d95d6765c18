"""One Onion as one process tree: its roles as children that are started, watched, restarted and stopped."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from naomesh.bootstrap import Onion
from naomesh.errors import OnionError

ROLES = ("orion", "worker")
STOP_S = 30.0
"""How long a role may take to end after SIGTERM, in s."""
_RESTART_S = (0.5, 1, 2, 5, 10, 30)
_PR_SET_PDEATHSIG = 1
_OF_ROLE = {"orion": {"MALLOC_ARENA_MAX": "2"}}
"""A thousand waiting jobs cost Orion 17 MB with two arenas, and 30 MB with one for each of its threads."""


@dataclass
class _Child:
    role: str
    process: subprocess.Popen[bytes]
    started: float
    falls: int = 0
    restart_at: float | None = None


@dataclass
class Supervisor:
    """Runs the roles of an Onion. Use as a context manager; `watch` restarts what died."""

    onion: Onion
    roles: Sequence[str] = ROLES
    on_event: Callable[[str], None] = lambda _line: None
    port: int | None = None
    """Where Orion listens: 0 takes a free port, None the one of the settings."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the roles find in their environment beside what this process has in its own."""
    url: str = ""
    _children: list[_Child] = field(default_factory=list)
    _socket: socket.socket | None = None
    _locks: list[IO[str]] = field(default_factory=list)

    def __enter__(self) -> Supervisor:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Take the home and the port, and start the roles.

        :raises OnionError: another Onion has the home (`home-in-use`), the port is taken (`port-busy`), or there is no
            Orion for the other roles (`no-onion`).
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        for role in self.roles:
            self._locks.append(self.onion.home.lock(role))
        self.onion.open()
        if "orion" in self.roles:
            settings = self.onion.settings.orion
            self._socket = _listen(settings.host, settings.port if self.port is None else self.port)
            host, port = self._socket.getsockname()[:2]
            self.url = f"http://{host}:{port}/api"
            self.onion.home.announce(orion=self.url)
        elif self.onion.home.in_use():
            self.url = str(self.onion.home.announced().get("orion", ""))
        else:
            raise OnionError(
                f"no Orion is running in {self.onion.home.root}, and {' and '.join(self.roles)} cannot do without.",
                mend="Start it first: naomesh up orion",
                code="no-onion",
            )
        for role in self.roles:
            self._children.append(_Child(role, self._spawn(role), time.monotonic()))

    def wait_ready(self, timeout_s: float = 120.0) -> None:
        """Wait until Orion answers.

        :raises OnionError: it died, or did not answer in time (`orion-silent`).
        """
        import httpx

        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health", timeout=2).is_success:
                    return
            except httpx.HTTPError:
                pass
            orion = next((child for child in self._children if child.role == "orion"), None)
            if orion is not None and orion.process.poll() is not None:
                break
            time.sleep(0.1)
        raise OnionError(
            "Orion, the Prefect server, did not start.",
            mend=f"Its log says why: {self.onion.home.role_log('orion')}",
            code="orion-silent",
        )

    def watch(self) -> None:
        """Look after the children once: start again, with growing gaps, what has died."""
        now = time.monotonic()
        for child in self._children:
            if child.process.poll() is None:
                if child.falls and now - child.started > _RESTART_S[-1]:
                    child.falls = 0
                continue
            if child.restart_at is None:
                gap = _RESTART_S[min(child.falls, len(_RESTART_S) - 1)]
                child.restart_at = now + gap
                self.on_event(f"{child.role} ended ({child.process.returncode}); it starts again in {gap:g} s")
            elif now >= child.restart_at:
                child.falls += 1
                child.process = self._spawn(child.role)
                child.started, child.restart_at = now, None

    def pids(self) -> dict[str, int]:
        """The process of each role."""
        return {child.role: child.process.pid for child in self._children}

    def environment_of_roles(self) -> dict[str, str]:
        """What the processes of this Onion find in their environment."""
        return self.onion.environment() | dict(self.environment) | {"PREFECT_API_URL": self.url}

    def stop(self) -> None:
        """Stop the roles, the worker first: it parks what runs."""
        for child in reversed(self._children):
            _end(child.process)
        self._children.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        for lock in self._locks:
            lock.close()
        self._locks.clear()

    def _spawn(self, role: str) -> subprocess.Popen[bytes]:
        environment = self.environment_of_roles() | _OF_ROLE.get(role, {})
        files = [self._socket.fileno()] if role == "orion" and self._socket is not None else []
        module = {"orion": "naomesh.orion", "worker": "naomesh.scheduler"}[role]
        with self.onion.home.role_log(role).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *(str(file) for file in files)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=files,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the roles in order
                preexec_fn=_die_with_parent,
            )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OnionError(
            f"port {port} of {host} cannot be used: {error.strerror}.",
            mend="Stop what listens there, or set NAOMESH_ORION_PORT to another port.",
            code="port-busy",
        ) from error
    listener.listen(128)
    return listener


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
