"""What somebody asks for: photographs, a politic, a deadline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Energy(StrEnum):
    """May the job wait for the sun?"""

    GREEN = "green"
    BYPASS = "bypass"


class Quality(StrEnum):
    """The preset of the engine: `good` takes its time, `bad` is a quick look."""

    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True)
class Politic:
    """How a job is to be computed (the contract's own word, of 2023)."""

    quality: Quality = Quality.GOOD
    energy: Energy = Energy.GREEN


@dataclass(frozen=True)
class JobRequest:
    """One request, checked.

    ``pictures_obj_key`` is the prefix of the photographs in the object store (``job<ID>/uploads/``);
    ``deadline`` an aware UTC time.
    """

    job_id: str
    pictures_obj_key: str
    politic: Politic
    deadline: datetime


def valid_job_id(job_id: str) -> bool:
    """A job id is a plain name: letters, digits, dot, dash, underscore, at most 128, and no ``..``."""
    return bool(JOB_ID.fullmatch(job_id)) and ".." not in job_id
