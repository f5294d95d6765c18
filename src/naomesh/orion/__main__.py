"""`python -m naomesh.orion [FD]`: serve Orion on an inherited socket, or on the address of the settings."""

from __future__ import annotations

import os
import socket
import sys

from naomesh.bootstrap import Onion, say_with_time
from naomesh.orion.environment import prefect_environment


def main() -> None:
    """Set what Prefect reads from its environment before Prefect is imported, then serve."""
    say_with_time()
    onion = Onion.configured()
    host, port = onion.settings.orion.host, onion.settings.orion.port
    inherited = socket.socket(fileno=int(sys.argv[1])) if len(sys.argv) > 1 else None
    if inherited is not None:
        host, port = inherited.getsockname()[:2]
    url = f"http://{host}:{port}/api"
    os.environ.update(prefect_environment(onion.home, url))

    import uvicorn

    from naomesh.orion.app import create_app

    config = uvicorn.Config(create_app(onion), host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
    uvicorn.Server(config).run(sockets=None if inherited is None else [inherited])


if __name__ == "__main__":
    main()
