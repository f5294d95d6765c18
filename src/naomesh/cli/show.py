"""`naomesh show`: all that is known of one job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from naomesh.cli.options import job_argument, json_option

if TYPE_CHECKING:
    from naomesh.cli.snapshot import Snapshot


@click.command("show")
@job_argument
@json_option
def command(job_id: str, as_json: bool) -> None:
    """Its facts, its steps and its history."""
    from naomesh.cli import facts, homes, wording
    from naomesh.cli.output import print_json, print_table
    from naomesh.cli.snapshot import Viewer
    from naomesh.storage import jobs

    onion, _job = homes.with_job(job_id)
    seen = Viewer(onion, job_id).look()
    with onion.database.read() as connection:
        history = jobs.history(connection, job_id)
    if as_json:
        found = facts.of(seen.job, seen.answer) | {"left_s": seen.left_s, "photos": seen.job.photos}
        found["steps"] = [
            {
                "number": run.number,
                "name": run.name,
                "outcome": run.outcome,
                "node": run.node,
                "started_at": run.started_at,
                "ended_at": run.ended_at,
                "wall_s": run.wall_s,
                "cpu_s": run.cpu_s,
                "peak_bytes": run.peak_bytes,
                "disk_bytes": run.disk_bytes,
                "facts": run.facts,
            }
            for run in seen.runs
        ]
        found["events"] = [{"time": time, "kind": kind, "message": message} for time, kind, message in history]
        print_json(found)
        return
    for name, text in _facts(seen):
        if text:
            click.echo(f"{name:<10} {text}")
    if seen.runs:
        click.echo()
        print_table(
            ("step", "", "outcome", "time", "CPU time", "memory", "node", ""),
            _steps(seen),
            right="step,time,CPU time,memory",
        )
    click.echo()
    for time, kind, message in history:
        click.echo(f"{wording.clock(time, seen.now):<20} {kind:<11} {message}")


def _facts(seen: Snapshot) -> list[tuple[str, str]]:
    from naomesh.cli import wording

    job, now = seen.job, seen.now
    left_out = [
        wording.one_line(f"{photo['name']}: {photo['reason']}") for photo in (job.photos or {}).get("left_out", [])
    ]
    step = f"{seen.title(job.step_idx)}, {job.fraction:.0%}" if job.state.value == "running" else ""
    left = wording.about(seen.left_s) if seen.left_s else ""
    return [
        ("job", job.job_id),
        ("state", f"{job.status} since {wording.clock(job.state_since, now)}"),
        ("why", seen.why_waiting),
        ("step", step),
        ("work left", left),
        ("error", f"[{job.error_code}] {job.error_message}" if job.error_code else ""),
        ("photos", f"{job.photos_given}, {job.megapixels:.1f} megapixels"),
        ("left out", "; ".join(left_out)),
        ("politic", f"energy {job.energy.value}, quality {job.quality.value}, engine {job.engine}"),
        ("deadline", f"{wording.clock(job.deadline, now)}{', which started it' if job.forced else ''}"),
        ("submitted", wording.clock(job.submitted_at, now)),
        ("started", wording.clock(job.started_at, now)),
        ("ended", wording.clock(job.ended_at, now)),
        ("node", job.node or ""),
        ("expected", f"{wording.about(job.expected_s)}, {wording.watts(job.expected_draw_w)}"),
        ("so far", _counts(job.pauses, job.retries, job.crashes)),
    ]


def _counts(pauses: int, retries: int, crashes: int) -> str:
    from naomesh.cli.wording import count

    counted = ((pauses, "pause"), (retries, "retry"), (crashes, "crash"))
    words = [count(number, noun) for number, noun in counted if number]
    return ", ".join(words).replace("retrys", "retries").replace("crashs", "crashes")


def _steps(seen: Snapshot) -> list[tuple[str, ...]]:
    from naomesh.cli import wording
    from naomesh.cli.plain import facts_of

    rows: list[tuple[str, ...]] = []
    for run in seen.runs:
        took = wording.seconds(run.wall_s) if run.ended_at else ""
        number = str(run.number) if 0 <= run.number < 99 else ""
        memory = wording.size(run.peak_bytes) if run.peak_bytes else ""
        cpu = wording.seconds(run.cpu_s) if run.cpu_s else ""
        rows.append(
            (number, seen.title(run.number), run.outcome, took, cpu, memory, run.node, facts_of(run.facts).strip(" ()"))
        )
    return rows
