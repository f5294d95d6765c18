"""`python -m naomesh.scheduler`: a worker, until it is told to stop."""

from __future__ import annotations

import logging
import os
import sys

from naomesh.bootstrap import Onion
from naomesh.errors import OnionError
from naomesh.orion.environment import prefect_environment


def main() -> None:
    """Set what Prefect reads from its environment before Prefect is imported, then work."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    onion = Onion.configured()
    url = os.environ.get("PREFECT_API_URL") or str(onion.home.announced().get("orion", ""))
    if not url:
        sys.exit(OnionError("no Orion is known to this worker.", mend="Set PREFECT_API_URL to its address.").line())
    os.environ.update(prefect_environment(onion.home, url))

    from naomesh.scheduler.worker import Worker

    Worker(onion).run()


if __name__ == "__main__":
    main()
