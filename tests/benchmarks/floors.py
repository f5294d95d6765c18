"""How a benchmark says what it measured: one line per figure, with what was promised beside it."""

from __future__ import annotations


def figure(
    name: str, value: float, unit: str = "", *, at_most: float | None = None, at_least: float | None = None
) -> bool:
    """Print a figure with its floor; False when it misses it. A figure without a floor is only told."""
    floors, reached = [], True
    if at_most is not None:
        floors.append(f"at most {at_most:g}")
        reached &= value <= at_most
    if at_least is not None:
        floors.append(f"at least {at_least:g}")
        reached &= value >= at_least
    verdict = " and ".join(floors) + ("" if reached else "   MISSED")
    print(f"{name:<58} {value:>10.4g} {unit:<8} {verdict}".rstrip(), flush=True)
    return reached
