"""The commands by name, and what becomes of whatever they raise: one line and an exit code, never a traceback."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import cleandoc

import click

from naomesh.cli.failures import Stopped, report

COMMANDS = {
    "demo": "Sample photos through everything, with a day of sun that passes in a minute.",
    "run": "One job, from a folder of photos to a textured model, until it is done.",
    "up": "The whole Onion as one process tree, in the foreground.",
    "submit": "Hand a job to the Onion that is running.",
    "jobs": "All jobs: their state, and why they wait.",
    "show": "All that is known of one job.",
    "watch": "Follow a job until it has ended.",
    "logs": "What the programs of a job's step wrote.",
    "cancel": "Stop a job.",
    "retry": "Let a failed or cancelled job go on from its last checkpoint.",
    "fetch": "Copy a finished job's results into a folder.",
    "receipt": "What a job took: time, memory, energy, and how much of it was sun.",
    "delete": "Forget a job that has ended, with its photos and results.",
    "doctor": "Check every part that the settings name.",
}
"""Name and one line of help; `naomesh.cli.NAME` has the click command as `command`."""


class LazyGroup(click.Group):
    """Lists its commands from the table, and imports only the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of the table, which is that of a job's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"naomesh.cli.{cmd_name}").command
        command.help = f"{COMMANDS[cmd_name]}\n\n{cleandoc(command.help or '')}".rstrip()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The table as it stands, without importing a command for its help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"naomesh {version('naomesh')}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="Settings come from the environment or .env: see docs/settings.md. `naomesh COMMAND --help` says more.",
    subcommand_metavar="COMMAND [ARGUMENTS]...",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="The version."
)
def naomesh() -> None:
    """Photographs in, a textured 3D model out, computed when the sun shines."""


def run(arguments: Sequence[str], group: click.Group = naomesh) -> int:
    """Run the command that the arguments name; its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may hold what no encoding can say
            stream.reconfigure(errors="backslashreplace")
    return guarded(lambda: group.main(list(arguments), "naomesh", standalone_mode=False), as_json="--json" in arguments)


def guarded(work: Callable[[], object], *, as_json: bool = False) -> int:
    """Do it, and turn whatever it raises into one line and an exit code."""
    try:
        code = work()
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        return report(Stopped(), as_json=as_json)
    except Exception as error:
        return report(error, as_json=as_json)
    return code if isinstance(code, int) else 0
