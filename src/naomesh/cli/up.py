"""`naomesh up`: the whole Onion, in the foreground."""

from __future__ import annotations

import time

import click

ROLES = ("orion", "worker")
WATCH_S = 0.2


@click.command("up")
@click.argument("roles", nargs=-1, metavar="[ROLE]...", type=click.Choice(ROLES))
def command(roles: tuple[str, ...]) -> None:
    """ROLE is orion or worker; without one, all of them run. The state is kept under NAOMESH_HOME. Ctrl-C and SIGTERM
    stop it; running jobs are parked, and go on at the next start.
    """
    from naomesh.bootstrap import Onion
    from naomesh.cli import homes
    from naomesh.cli.failures import Stopped
    from naomesh.cli.follow import say
    from naomesh.cli.signals import stopping_cleanly
    from naomesh.supervisor import Supervisor

    onion = Onion.configured()
    if onion.energy_source() is None:
        say("no energy source is set (NAOMESH_ENERGY_SOURCE): nothing can be green, jobs start at once, all is grid")
    homes.require_startable(onion, orion="orion" in (roles or ROLES))
    try:
        with stopping_cleanly("stopped; running jobs are parked and go on at the next `naomesh up`."):
            say(f"the state is in {onion.home.root}")
            with Supervisor(onion, roles or ROLES, on_event=say) as supervisor:
                if "orion" in supervisor.roles:
                    supervisor.wait_ready()
                say(f"ready; Orion's own pages: {supervisor.url.removesuffix('/api')}")
                while True:
                    supervisor.watch()
                    time.sleep(WATCH_S)
    except Stopped as stopped:
        say(stopped.line)  # that is how it is meant to end
