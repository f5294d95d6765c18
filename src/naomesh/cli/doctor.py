"""`naomesh doctor`: every part that the settings name, one line each, with the mend."""

from __future__ import annotations

import click

from naomesh.cli.options import json_option

MARKS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "wrong": ("✗", "red")}


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Ends with 0 when all is well, and with 6 (code `unwell`) when anything is wrong. Nothing is changed."""
    from naomesh.bootstrap import Onion
    from naomesh.cli.checks import CHECKS, run_check
    from naomesh.cli.output import print_json
    from naomesh.cli.wording import count
    from naomesh.errors import OnionError

    onion = Onion.configured()
    found = []
    for name, check in CHECKS:
        finding = run_check(name, check, onion)
        found.append(finding)
        if not as_json:
            mark, colour = MARKS[finding.verdict]
            line = f"{finding.detail} {finding.mend}".strip()
            click.echo(f"{click.style(mark, fg=colour)} {name:<9} {line}")
    if as_json:
        print_json([vars(finding) for finding in found])
    wrong = [finding.name for finding in found if finding.verdict == "wrong"]
    if wrong:
        raise OnionError(
            f"{count(len(wrong), 'part')} of {len(found)} {'is' if len(wrong) == 1 else 'are'} unwell: "
            f"{', '.join(wrong)}.",
            code="unwell",
        )
