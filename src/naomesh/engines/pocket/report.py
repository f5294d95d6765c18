"""How a running step talks to the worker: lines on standard output that begin with `@`, and facts in a file.

@progress DONE TOTAL                                  units of the step done, of all
@facts {"registered": 14, ...}                        what the step counted; also in `facts/NUMBER.json`
@error {"code": ..., "message": ..., "mend": ...}     why the step cannot be done, for a photographer

`naomesh.engines.messages` reads them; an error's class follows from its code.
"""

from __future__ import annotations

import json
from pathlib import Path

from naomesh.engines.base import Facts
from naomesh.engines.messages import say

FACTS = "@facts "


class StepError(Exception):
    """A step knows why it cannot be done. `code` is stable; `message` and `mend` are for a photographer."""

    def __init__(self, code: str, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.mend = code, message, mend


def facts_path(number: int) -> str:
    """Where step `number` leaves its facts."""
    return f"facts/{number}.json"


def say_facts(number: int, facts: Facts) -> None:
    """What the step counted."""
    text = json.dumps(facts, ensure_ascii=True)
    path = Path(facts_path(number))
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    say(FACTS + text)
