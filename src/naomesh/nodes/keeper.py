"""Keeps one step: starts it, measures its whole tree of processes, and lets nothing outlive it.

It is a process of its own between the worker and the step, because only a small parent of the step can promise what a
node promises:

- It is the subreaper of the tree (prctl(2)): what the step leaves behind, daemons too, becomes its child and is killed.
- The kernel sends it SIGTERM when the thread that started it ends (PR_SET_PDEATHSIG: the thread, not the process, so
  that thread has to wait for it, as `naomesh.nodes.running` does): kill -9 of the worker ends the tree. The kernel ends
  the step in the same way when the keeper itself is killed.
- CPU time and peak memory come from wait4(2) without what a large worker had used before it forked.

It stays in the caller's process group. When all have ended, it writes one line to the pipe `report`: exit code, CPU
seconds, peak resident bytes, resident bytes for which the tree was killed (or 0), and why the program could not be
started (or nothing). Every step waits for its start, so it imports nothing that costs more than a millisecond or two.
"""

from __future__ import annotations

import ctypes
import os
import resource
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # what the public module adds to it (enums) takes 6 ms

SAMPLE_S = 0.2
MAX_LOAD = 0.05
"""Share of a core that looking at the processes may take; where they are many or large, it looks less often."""
NICE = 5
"""Steps give way to the Onion's own processes, which renew leases and answer people meanwhile."""
OOM_SCORE = 500
"""When the machine runs out of memory, the kernel ends a step rather than the Onion."""

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PPID, UTIME, STIME, START, RSS = 1, 11, 12, 19, 21
"""Fields of /proc/PID/stat (proc(5)), counted from the one after the name in brackets."""


class Tree:
    """The step and all its descendants, and what was seen of them."""

    def __init__(self, child: int) -> None:
        self.child = child
        self.exit_code: int | None = None
        self.peak_bytes = 0
        self._ticks: dict[tuple[int, str], int] = {}

    def reap(self) -> bool:
        """Wait for what has ended; False when nothing is left. Orphans come to this process, so that is certain."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self.child:
                    self.exit_code = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            return False

    def sample(self) -> int:
        """Look at every process once; the resident bytes of all of them."""
        processes = descendants()
        for pid, fields in processes.items():
            self._ticks[pid, fields[START]] = int(fields[UTIME]) + int(fields[STIME])
        resident = {pid: int(fields[RSS]) * PAGE_BYTES for pid, fields in processes.items()}
        total_bytes = sum(resident.values())
        if len(resident) > 1 and total_bytes > self.peak_bytes:  # what they share was counted for each
            total_bytes = sum(proportional_bytes(pid) or size for pid, size in resident.items())
        self.peak_bytes = max(self.peak_bytes, total_bytes)
        return total_bytes

    def end(self) -> None:
        """Kill until nothing is left."""
        while self.reap():
            for pid in descendants():
                kill(pid)
            signal.sigtimedwait(WATCHED, 0.01)

    def used(self) -> tuple[float, int]:
        """(CPU seconds, peak resident bytes), once all have ended. What was seen counts where it is more than what was
        waited for: a parent that ignores the ends of its children keeps their times from wait4."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        seen_s = sum(self._ticks.values()) / TICKS_PER_S
        return max(usage.ru_utime + usage.ru_stime, seen_s), max(usage.ru_maxrss * 1024, self.peak_bytes)


def main(report: int, caller: int, limit_bytes: int, argv: list[str]) -> None:
    """Run `argv` until it ends, and report."""
    os.set_inheritable(report, False)
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    keeper = os.getpid()
    started, failure = os.pipe()  # both close when the program starts
    child = os.fork()
    if child == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == keeper:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
            os.write(failure, start(argv).encode(errors="replace"))
        os._exit(127)
    os.close(failure)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # so that the output ends when the tree does
        os.dup2(silence, descriptor)
    tree = Tree(child)
    not_started = os.read(started, 1000).decode(errors="replace")
    killed_bytes = watch(tree, caller, limit_bytes)
    tree.end()
    cpu_s, peak_bytes = tree.used()
    os.write(report, f"{tree.exit_code} {cpu_s:.6f} {peak_bytes} {killed_bytes} {not_started}".encode())


def start(argv: list[str]) -> str:
    """Become the step, or say why not."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a program would inherit that
        signal.signal(number, signal.SIG_DFL)
    os.nice(NICE)
    try:
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write(str(OOM_SCORE))
        os.execvp(argv[0], argv)  # noqa: S606 (no shell is wanted)
    except OSError as error:
        return error.strerror or str(error)


def watch(tree: Tree, caller: int, limit_bytes: int) -> int:
    """Until the step ends, the caller ends, or somebody asks to end it. The resident bytes if they were too many."""
    while tree.reap() and tree.exit_code is None and os.getppid() == caller:
        begun = time.process_time()
        resident_bytes = tree.sample()
        if resident_bytes > limit_bytes:
            return resident_bytes
        caught = signal.sigtimedwait(WATCHED, max(SAMPLE_S, (time.process_time() - begun) / MAX_LOAD))
        if caught is not None and caught.si_signo != signal.SIGCHLD:
            break
    return 0


def kill(pid: int) -> None:
    """Kill a process, which may have ended meanwhile."""
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return


def descendants() -> dict[int, list[str]]:
    """The fields of /proc/PID/stat of all descendants of this process."""
    everything = {int(name): fields for name in os.listdir("/proc") if name.isdigit() and (fields := stat(name))}
    children: dict[int, list[int]] = {}
    for pid, fields in everything.items():
        children.setdefault(int(fields[PPID]), []).append(pid)
    found: dict[int, list[str]] = {}
    todo = [os.getpid()]
    while todo:
        for pid in children.get(todo.pop(), ()):
            found[pid] = everything[pid]
            todo.append(pid)
    return found


def stat(pid: str) -> list[str]:
    """The fields after the name, which may itself hold spaces and brackets; none when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().decode("latin-1").rpartition(")")[2].split()
    except OSError:
        return []


def proportional_bytes(pid: int) -> int:
    """Resident memory with each shared page divided by its users; 0 when the kernel does not say."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as stream:
            return next((int(line.split()[1]) * 1024 for line in stream if line.startswith(b"Pss:")), 0)
    except OSError:
        return 0
