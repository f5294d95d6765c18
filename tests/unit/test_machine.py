"""What a machine or a container lets a step use, and how output becomes lines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naomesh.nodes import machine
from naomesh.nodes.running import MAX_LINE_BYTES, Splitter

GIB = 1 << 30
V1 = "9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/a/b\n0::/\n"
V2 = "0::/a/b\n"


def tree(root: Path, files: dict[str, str]) -> Path:
    """A file system with these files."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/self/cgroup": V1, "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "1000"}, 1000),
        ({"proc/self/cgroup": V1, "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000"}, 2000),
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/a/b/memory.max": "max", "sys/fs/cgroup/a/memory.max": "3000"}, 3000),
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/a/b/memory.max": "4000", "sys/fs/cgroup/a/memory.max": "9000"}, 4000),
        ({"proc/self/cgroup": V1.replace("0::/", "0::/c"), "sys/fs/cgroup/unified/c/memory.max": "5000"}, 5000),
    ],
)
def test_memory_limits(tmp_path, files, expected):
    """The tightest limit of the group and of those above it counts, in both versions of control groups."""
    assert machine.memory_bytes(tree(tmp_path, files)) == expected


@pytest.mark.parametrize("files", [{}, {"proc/self/cgroup": V2, "sys/fs/cgroup/a/b/memory.max": "max"}])
def test_no_memory_limit(tmp_path, files):
    """Where no group limits it, the memory is the machine's."""
    assert machine.memory_bytes(tree(tmp_path, files)) == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"sys/fs/cgroup/a/cpu.max": "200000 100000"}, 2),
        ({"sys/fs/cgroup/a/cpu.max": "50000 100000"}, 1),
        ({"sys/fs/cgroup/a/b/cpu.max": "350000 100000"}, 3),
        ({"sys/fs/cgroup/a/b/cpu.max": "max 100000"}, 8),
        ({"proc/self/cgroup": V1, **dict.fromkeys(["sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us"], "-1")}, 8),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "400000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            4,
        ),
    ],
)
def test_cores(tmp_path, monkeypatch, files, expected):
    """Cores are what the affinity allows, or fewer where a group grants less time than theirs; never none."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert machine.cores(tree(tmp_path, {"proc/self/cgroup": V2, **files})) == expected


@pytest.mark.parametrize(("total", "slots", "expected"), [(64 * GIB, 1, 63 * GIB), (64 * GIB, 3, 21 * GIB)])
def test_reserve(tmp_path, total, slots, expected):
    """Something is kept for the system, and the slots share the rest."""
    root = tree(tmp_path, {"proc/self/cgroup": V2, "sys/fs/cgroup/memory.max": str(total)})
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if physical >= total:
        assert machine.step_memory_bytes(slots, root) == expected
    else:
        assert 0.85 * physical / slots <= machine.step_memory_bytes(slots, root) < physical / slots


def test_a_tiny_container(tmp_path):
    """In a container smaller than the reserve, a step still gets something."""
    root = tree(tmp_path, {"proc/self/cgroup": V2, "sys/fs/cgroup/memory.max": str(200 << 20)})
    assert machine.step_memory_bytes(1, root) == 50 << 20


@given(
    lines=st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)),
    size=st.integers(1, 7),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_lines_do_not_depend_on_the_chunks(lines, size, end):
    """However the output is cut on its way, the lines are the program's."""
    stream = "".join(line + end for line in lines).encode()
    splitter = Splitter()
    heard = [line for start in range(0, len(stream), size) for line in splitter.feed(stream[start : start + size])]
    assert heard + list(splitter.rest()) == lines


def test_a_renewed_line_is_heard_at_once():
    """A carriage return completes a line, so that progress which is drawn over itself is heard."""
    splitter = Splitter()
    assert list(splitter.feed(b"\r10 %\r20")) == ["10 %"]
    assert list(splitter.feed(b" %\r")) == ["20 %"]
    assert list(splitter.feed(b"\ndone\n")) == ["done"]


def test_a_line_without_end_is_cut():
    """A program that never ends its line does not fill the memory."""
    splitter = Splitter()
    heard = [len(line) for _ in range(10) for line in splitter.feed(b"x" * 50_000)]
    assert set(heard) == {MAX_LINE_BYTES}
    assert sum(heard) + sum(len(line) for line in splitter.rest()) == 500_000
