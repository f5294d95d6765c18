"""`python -m naomesh.scheduler`: a worker, until it is told to stop."""

from __future__ import annotations

import os
import sys

from naomesh.bootstrap import Onion, say_with_time
from naomesh.errors import OnionError
from naomesh.orion.environment import prefect_environment


def main() -> None:
    """Set what Prefect reads from its environment before Prefect is imported, then work."""
    say_with_time()
    onion = Onion.configured()
    url = os.environ.get("PREFECT_API_URL") or str(onion.home.announced().get("orion", ""))
    if not url:
        sys.exit(OnionError("no Orion is known to this worker.", mend="Set PREFECT_API_URL to its address.").line())
    os.environ.update(prefect_environment(onion.home, url))

    from naomesh.scheduler.worker import Worker

    Worker(onion).run()


if __name__ == "__main__":
    main()
