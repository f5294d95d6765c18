"""What Prefect finds in its environment: state of its own below our home, and nothing that calls home."""

from __future__ import annotations

from naomesh.home import Home


def prefect_environment(home: Home, url: str) -> dict[str, str]:
    """For Orion and for every process that talks to it. The user's own ~/.prefect is never read or written."""
    return {
        "PREFECT_HOME": str(home.prefect),
        "PREFECT_PROFILES_PATH": str(home.prefect / "profiles.toml"),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home.prefect / 'prefect.db'}",
        # a woken run that waits for a slot is not late: it is next
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
        # runs are made by the keeper, one for each job
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        # parked runs have no heart that beats; leases stand for it
        "PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED": "false",
        # Prefect's feed of events, written in batches: 20 at a time they take SQLite's write lock from everybody else,
        # and a flow run costs 140 ms instead of 50
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        # client and server are of one lock file
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }
