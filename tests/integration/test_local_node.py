"""The local node with real processes: how steps end, what they used, and that nothing outlives them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from naomesh.engines.base import Command, Outcome
from naomesh.errors import NaomeshError, ResourceError, StorageError, UsageError
from naomesh.nodes import build
from naomesh.nodes.local import LocalNode, LocalProvider
from naomesh.settings import Settings
from naomesh.storage.folder import FolderStore


@pytest.fixture
def provider(tmp_path: Path) -> LocalProvider:
    """The local provider, with workspaces of the test's own."""
    return LocalProvider(tmp_path / "work")


@pytest.fixture
def node(provider: LocalProvider) -> LocalNode:
    """A node for one job."""
    return provider.acquire("job1")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the output goes."""
    return tmp_path / "logs" / "step.log"


def ignore(line: str) -> None:
    """Listen to nothing."""


def shell(node: LocalNode, log: Path, script: str, on_line: Callable[[str], None] = ignore) -> Outcome:
    """Run a shell script on the node."""
    return node.run(Command(("sh", "-c", script)), log, on_line)


def python(node: LocalNode, log: Path, script: str, on_line: Callable[[str], None] = ignore) -> Outcome:
    """Run a Python script on the node."""
    return node.run(Command((sys.executable, "-I", "-c", textwrap.dedent(script))), log, on_line)


def wait_until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    """Until the condition holds; it has to within the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        os.sched_yield()


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def with_mark(workspace: Path) -> list[psutil.Process]:
    """The processes of steps in this workspace."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("NAOMESH_WORKSPACE") == str(workspace):
                found.append(process)
        except psutil.Error:  # it ended meanwhile
            continue
    return found


class TestEnds:
    """How a step ended, and what it said."""

    @pytest.mark.parametrize(("script", "code"), [("true", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -15 $$", -15)])
    def test_exit_codes(self, node, log, script, code):
        """The exit code is the program's own; a signal that killed it is negative."""
        assert shell(node, log, script).exit_code == code

    def test_no_such_program(self, node, log):
        """A program that does not exist ends with 127 and says so in its log."""
        outcome = node.run(Command(("no-such-program", "-x")), log, ignore)
        assert outcome.exit_code == 127
        assert outcome.tail == ("no-such-program: No such file or directory",)
        assert log.read_text() == "no-such-program: No such file or directory\n"

    def test_output(self, node, log):
        """Standard output and error go to the log and to the listener, in the order in which they were written."""
        lines: list[str] = []
        outcome = shell(node, log, "echo one; echo two >&2; echo; printf three", lines.append)
        assert lines == ["one", "two", "", "three"]
        assert log.read_text() == "one\ntwo\n\nthree\n"
        assert list(outcome.tail) == lines

    def test_output_comes_at_once(self, node, log):
        """The listener hears a line while the program still runs, and the log holds it by then."""
        (node.workspace / "go").unlink(missing_ok=True)
        seen: list[str] = []

        def listen(line: str) -> None:
            seen.append(log.read_text())
            (node.workspace / line).touch()

        shell(node, log, "echo first; while [ ! -e first ]; do sleep 0.01; done; echo second", listen)
        assert seen == ["first\n", "first\nsecond\n"]

    def test_any_bytes(self, node, log):
        """Long lines, binary junk and terminal codes do no harm: the log is text, and cannot steer a terminal."""
        lines: list[str] = []
        python(
            node,
            log,
            r"""
            import sys
            sys.stdout.buffer.write(b"x" * 200_000 + b"\n\xff\x00\x1b[31mred\x1b[0m\n\xc3\xa9\ttab\n")
            """,
            lines.append,
        )
        assert "".join(lines[:-2]) == "x" * 200_000
        assert lines[-2:] == ["\ufffd\ufffd\ufffd[31mred\ufffd[0m", "é\ttab"]
        assert log.read_text() == "".join(f"{line}\n" for line in lines)

    def test_a_second_run_appends(self, node, log):
        """The log of a step that ran twice holds both lives."""
        shell(node, log, "echo one")
        shell(node, log, "echo two")
        assert log.read_text() == "one\ntwo\n"

    def test_standard_input_is_empty(self, node, log):
        """A program that asks a question gets no answer, and does not wait for one."""
        assert shell(node, log, "read answer || echo nobody").tail == ("nobody",)

    def test_environment(self, node, log):
        """The workspace is the working folder; threads are limited unless the command itself says otherwise."""
        script = 'pwd; echo "$OMP_NUM_THREADS $OPENBLAS_NUM_THREADS $EXTRA"'
        outcome = node.run(Command(("sh", "-c", script), {"OPENBLAS_NUM_THREADS": "7", "EXTRA": "e"}), log, ignore)
        assert list(outcome.tail) == [str(node.workspace), f"{node.threads} 7 e"]

    def test_same_process_group(self, node, log):
        """The step is in its caller's process group, so that a signal to the group reaches it."""
        assert shell(node, log, "ps -o pgid= -p $$").tail[0].strip() == str(os.getpgid(0))

    def test_a_listener_that_raises_ends_the_step(self, node, log):
        """What the listener raises ends the program at once, and comes out."""

        def refuse(line: str) -> None:
            raise KeyboardInterrupt(line)

        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt, match="hello"):
            shell(node, log, "echo hello; sleep 60 & sleep 60", refuse)
        assert time.monotonic() - begun < 10
        assert with_mark(node.workspace) == []

    def test_overhead(self, node, log):
        """A step that does nothing costs little."""
        took_s = sorted(node.run(Command(("true",)), log, ignore).wall_s for _ in range(9))
        assert took_s[0] < 0.1


class TestUse:
    """Memory and CPU time of the whole tree."""

    def test_cpu_time_of_children(self, node, log):
        """CPU time counts children, those that nobody waits for too."""
        burn = "import time\nwhile time.process_time() < .4: pass"
        outcome = python(
            node,
            log,
            f"""
            import subprocess, sys
            run = lambda: subprocess.Popen([sys.executable, "-I", "-c", {burn!r}])
            run().wait()
            orphan = run()
            while open(f"/proc/{{orphan.pid}}/stat").read().rpartition(")")[2].split()[0] != "Z": pass
            """,
        )
        assert outcome.exit_code == 0
        assert 0.8 <= outcome.cpu_s < 2.5
        assert outcome.wall_s >= 0.8

    def test_cpu_time_of_children_whose_end_is_ignored(self, node, log):
        """CPU time that the kernel gives to nobody, where a parent ignores its children's ends, is counted as seen."""
        outcome = python(
            node,
            log,
            """
            import os, signal, time
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            if os.fork() == 0:
                while time.process_time() < 1: pass
                os._exit(0)
            try:
                os.wait()
            except ChildProcessError:
                pass
            """,
        )
        assert 0.6 <= outcome.cpu_s < 2

    def test_peak_memory_of_one(self, node, log):
        """Peak memory is what the program had resident at most, not what it has at its end."""
        outcome = python(node, log, "block = bytearray(300_000_000); del block")
        assert 300e6 <= outcome.peak_bytes < 340e6

    def test_peak_memory_of_a_small_step_of_a_large_worker(self, node, log):
        """What the caller itself uses is not the step's."""
        ballast = bytearray(os.urandom(1)) * 200_000_000
        assert shell(node, log, "true").peak_bytes < 50e6
        assert len(ballast) == 200_000_000

    def test_peak_memory_of_several(self, node, log):
        """Processes that run at the same time count together, and memory that they share counts once."""
        outcome = python(
            node,
            log,
            """
            import os, time
            shared = bytearray(b"s") * 100_000_000
            children = []
            for _ in range(3):
                pid = os.fork()
                if pid == 0:
                    own = bytearray(b"o") * 50_000_000
                    time.sleep(1.5)
                    os._exit(0)
                children.append(pid)
            for pid in children:
                os.waitpid(pid, 0)
            """,
        )
        assert 245e6 <= outcome.peak_bytes < 330e6

    def test_too_much_memory(self, tmp_path, log):
        """A step that goes over its memory is killed with all its children, and the error says how much it was."""
        node = LocalProvider(tmp_path / "work", memory_bytes=150_000_000).acquire("job1")
        with pytest.raises(ResourceError) as refusal:
            python(
                node,
                log,
                """
                import os, time
                os.fork()
                block = bytearray(b"x") * 100_000_000
                time.sleep(60)
                """,
            )
        assert refusal.value.code == "out-of-memory"
        assert "where it may use 150 MB" in refusal.value.line()
        assert with_mark(node.workspace) == []

    @pytest.mark.parametrize("phrase", ["terminate called after throwing 'std::bad_alloc'", "MemoryError"])
    def test_a_program_that_gets_no_memory(self, node, log, phrase):
        """A program that fails because the system gave it no memory is out of memory; one that only says so is not."""
        with pytest.raises(ResourceError) as refusal:
            shell(node, log, f'echo "{phrase}"; exit 1')
        assert refusal.value.code == "out-of-memory"
        assert shell(node, log, f'echo "{phrase}"').exit_code == 0

    def test_a_disk_that_fills(self, small_disk, log):
        """A step that fails on a full disk raises `disk-full`, also where its last words do not say so."""
        node = LocalProvider(small_disk / "work").acquire("job1")
        for script in ("head -c 9000000 /dev/zero > big", "head -c 9000000 /dev/zero > big 2>/dev/null || exit 1"):
            with pytest.raises(ResourceError) as refusal:
                shell(node, log, script)
            assert refusal.value.code == "disk-full"
            assert str(node.workspace) in refusal.value.line()

    def test_a_disk_that_fills_with_the_log(self, node, small_disk):
        """A log that cannot be written ends the step with `disk-full`."""
        with pytest.raises(ResourceError) as refusal:
            shell(node, small_disk / "log", "yes")
        assert refusal.value.code == "disk-full"
        assert with_mark(node.workspace) == []


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("daemon", "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not (os.path.exists("daemon") and open("daemon").read()): pass
"""


class TestNothingIsLeft:
    """No process and no file outlives its step, its caller, its node."""

    def test_leftovers_end_with_the_step(self, node, log):
        """A daemon that a step leaves behind, in a session of its own and with its output open, ends with the step."""
        outcome = python(node, log, DAEMON)
        assert outcome.exit_code == 0
        assert outcome.wall_s < 10
        assert not alive(int(node.files.read("daemon")))

    @pytest.mark.parametrize("victim", ["caller", "keeper", "group"])
    def test_kill_9(self, node, tmp_path, victim):
        """After kill -9 of the caller, of the step's keeper, or of the whole group, no process of the step goes on."""
        script = f"""
            from pathlib import Path
            from naomesh.engines.base import Command
            from naomesh.nodes.local import LocalNode
            node = LocalNode(Path({str(node.workspace)!r}), 1, 10**9)
            sleepers = Command(("sh", "-c", "sleep 600 & sleep 600 & : > up; wait"))
            node.run(sleepers, Path({str(tmp_path / "log")!r}), print)
        """
        caller = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], process_group=0)
        try:
            wait_until((node.workspace / "up").exists)
            tree = psutil.Process(caller.pid).children(recursive=True)
            assert len(tree) == 4  # keeper, shell, two sleeps
            if victim == "caller":
                caller.kill()
            elif victim == "keeper":
                tree[0].kill()
            else:
                os.killpg(caller.pid, signal.SIGKILL)
            caller.wait(20)
            wait_until(lambda: not any(alive(process.pid) for process in tree))
        finally:
            caller.kill()
            caller.wait()

    def test_a_release_ends_what_escaped(self, provider, node):
        """What runs in a workspace without its keeper ends with the release; a shell in that folder does not."""
        mine = {**os.environ, "NAOMESH_WORKSPACE": str(node.workspace)}
        stray = subprocess.Popen(["sleep", "600"], env=mine, start_new_session=True)
        bystander = subprocess.Popen(["sleep", "600"], cwd=node.workspace, start_new_session=True)
        try:
            provider.release("job1")
            assert stray.wait(20) == -signal.SIGKILL
            assert bystander.poll() is None
        finally:
            for process in (stray, bystander):
                process.kill()
                process.wait()

    def test_release(self, provider, node):
        """A released node leaves nothing behind, and may be released again."""
        node.workspace.joinpath("deep/er").mkdir(parents=True)
        node.workspace.joinpath("deep/er/file").touch()
        provider.release("job1")
        provider.release("job1")
        assert list(provider.work.iterdir()) == []

    def test_a_released_node_runs_nothing(self, provider, node, log):
        """A step on a node that was released is refused in one line."""
        provider.release("job1")
        with pytest.raises(StorageError) as refusal:
            shell(node, log, "true")
        assert refusal.value.code == "workspace"

    def test_acquire_wipes(self, provider, node):
        """A node that is acquired again is empty."""
        (node.workspace / "left").touch()
        assert list(provider.acquire("job1").workspace.iterdir()) == []

    @pytest.mark.parametrize("job_id", ["../other", "a/b", "", ".."])
    def test_bad_job_ids(self, provider, job_id):
        """A job id that is no plain name neither makes nor removes a folder."""
        for use in (provider.acquire, provider.release):
            with pytest.raises(UsageError):
                use(job_id)
        assert not provider.work.exists()


class TestFiles:
    """The workspace seen from outside."""

    def test_files(self, node):
        """Sizes, beginnings and globs, with paths relative to the workspace, files only, in order of name."""
        for path in ("b.txt", "a.txt", "x/y/c.txt"):
            (node.workspace / path).parent.mkdir(parents=True, exist_ok=True)
            (node.workspace / path).write_text(path)
        assert node.files.size("x/y/c.txt") == 9
        assert node.files.size("x") is None
        assert node.files.size("none") is None
        assert node.files.read("x/y/c.txt", 3) == b"x/y"
        assert node.files.glob("*") == ["a.txt", "b.txt"]
        for pattern in ("**/*.txt", "**"):
            assert node.files.glob(pattern) == ["a.txt", "b.txt", "x/y/c.txt"]
        with pytest.raises(StorageError):
            node.files.read("none")

    @pytest.mark.parametrize("path", ["/etc/passwd", "../secret", "x/../../secret"])
    def test_paths_that_climb_out(self, node, tmp_path, path):
        """No path leads out of the workspace."""
        store = FolderStore(tmp_path / "store")
        uses: list[Callable[[], object]] = [
            lambda: node.files.size(path),
            lambda: node.files.read(path),
            lambda: node.files.glob(path),
            lambda: node.push(store, path, "k"),
            lambda: node.pull(store, "k", path),
        ]
        for use in uses:
            with pytest.raises(NaomeshError) as refusal:
                use()
            assert refusal.value.code == "bad-path"

    def test_pull_and_push(self, node, tmp_path):
        """Objects come into the workspace and go back to the store."""
        store = FolderStore(tmp_path / "store")
        (node.workspace / "results").mkdir()
        (node.workspace / "results/model.glb").write_bytes(b"model")
        node.push(store, "results/model.glb", "job1/results/model.glb")
        node.pull(store, "job1/results/model.glb", "again/model.glb")
        assert node.files.read("again/model.glb") == b"model"


def test_build(tmp_path, monkeypatch):
    """The settings' slots share the machine: each node gets its part of the memory, and at least one thread."""
    monkeypatch.setenv("NAOMESH_WORKER_SLOTS", "4")
    node = build(Settings(), tmp_path).acquire("job1")
    whole = LocalProvider(tmp_path / "other").acquire("job1")
    assert isinstance(node, LocalNode)
    assert node.workspace == tmp_path / "work" / "job1"
    assert node.memory_bytes == whole.memory_bytes // 4
    assert 1 <= node.threads <= whole.threads <= (os.cpu_count() or 1)
    assert node.disk_bytes > 0
