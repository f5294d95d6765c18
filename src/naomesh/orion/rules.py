"""GreenFlowPolicy: our rules in the flow-run policy of a stock Prefect server.

| transition                          | rule            | who asks                                              |
|-------------------------------------|-----------------|-------------------------------------------------------|
| SCHEDULED to PENDING                | GreenAdmission  | the worker, before it gives the run a process         |
| PENDING, SCHEDULED, PAUSED to RUNNING | GreenStart    | the run's process; a person who resumes the run       |
| RUNNING, PAUSED to SCHEDULED        | GreenBoundary   | the flow, between two steps                           |
| any to SCHEDULED, named Woken       | WakeParkedOnly  | the keeper, when the sun is back                      |
| any to CANCELLING or CANCELLED      | CancelJob       | a person, in Prefect's own UI                         |

The rules stand right after PreventPendingTransitions, before any rule that takes a concurrency slot. An exception in
`before_transition` would abort the transition, so a rule that cannot ask says no.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from prefect.server.orchestration.core_policy import CoreFlowPolicy, PreventPendingTransitions
from prefect.server.orchestration.rules import ALL_ORCHESTRATION_STATES, FlowRunOrchestrationRule
from prefect.server.schemas.states import Scheduled, State, StateType
from prefect.types._datetime import now

from naomesh.errors import IllegalMove, NaomeshError
from naomesh.orion.gate import Gate
from naomesh.orion.names import AWAITING_SUN, BOUNDARY, FAR, WOKEN
from naomesh.policy.model import Pause, Start

log = logging.getLogger("naomesh.orion")
T = TypeVar("T")


class Asking(FlowRunOrchestrationRule):
    """What our rules share: the gate, asked in a thread of its own so that the server goes on meanwhile."""

    gate: ClassVar[Gate]
    _thread: ClassVar[ThreadPoolExecutor] = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gate")

    async def ask(self, question: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Put a question to the gate; questions are answered one at a time."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: question(*arguments, **named))

    @property
    def run_id(self) -> str:
        """The flow run in question."""
        return str(self.context.run.id)

    async def park(self, reason: str) -> None:
        """Refuse, and put the run where it costs a row and no process."""
        await self.reject_transition(parked(reason), reason=reason)


def parked(reason: str) -> State:
    """The one parked state."""
    far: Any = now("UTC") + timedelta(seconds=FAR)
    return Scheduled(name=AWAITING_SUN, message=reason, scheduled_time=far)


class GreenAdmission(Asking):
    """A run that lacks sun never gets a process."""

    FROM_STATES = {StateType.SCHEDULED}  # noqa: RUF012 - Prefect's own way to declare a rule
    TO_STATES = {StateType.PENDING}  # noqa: RUF012

    async def before_transition(self, initial_state: Any, proposed_state: Any, context: Any) -> None:  # noqa: ARG002
        """Ask for a grant."""
        try:
            decision = await self.ask(self.gate.ask_start, self.run_id)
        except IllegalMove as error:
            return await self.abort_transition(str(error))
        except NaomeshError as error:
            log.warning("the gate could not decide: %s", error)
            return await self.park(f"the policy could not be asked: {error.message}")
        if decision is not None and not isinstance(decision, Start):
            await self.park(decision.reason)
        return None


class GreenStart(Asking):
    """Only a granted run begins; one that somebody resumes goes through the gate like any other."""

    FROM_STATES = {StateType.PENDING, StateType.SCHEDULED, StateType.PAUSED}  # noqa: RUF012
    TO_STATES = {StateType.RUNNING}  # noqa: RUF012

    async def before_transition(self, initial_state: Any, proposed_state: Any, context: Any) -> None:  # noqa: ARG002
        """Look whether the grant still stands."""
        try:
            granted = await self.ask(self.gate.still_granted, self.run_id)
            if granted is not None and initial_state.type == StateType.PAUSED:
                await self.ask(self.gate.hold, self.run_id, held=False)
                return await self.park("resumed by hand: it waits for its turn")
        except NaomeshError as error:
            log.warning("the gate could not decide: %s", error)
            granted = False
        if granted is False:
            await self.park("its grant has run out: it waits for its turn")
        return None


class GreenBoundary(Asking):
    """Between two steps: parked when the sun is gone, or when a person paused the run."""

    FROM_STATES = {StateType.RUNNING, StateType.PAUSED}  # noqa: RUF012
    TO_STATES = {StateType.SCHEDULED}  # noqa: RUF012

    async def before_transition(self, initial_state: Any, proposed_state: Any, context: Any) -> None:  # noqa: ARG002
        """Answer a flow that asks; let a person's resume through to the gate."""
        paused = initial_state.type == StateType.PAUSED
        if proposed_state.name != BOUNDARY:
            if paused:
                await self.ask(self.gate.hold, self.run_id, held=False)
            return None
        if paused:  # the state stays as it is: Paused, which ends the run's process
            await self.ask(self.gate.hold, self.run_id, held=True)
            return await self.reject_transition(None, reason="paused by hand")
        try:
            decision = await self.ask(self.gate.ask_boundary, self.run_id)
        except NaomeshError as error:
            return await self.abort_transition(f"the policy could not be asked: {error.message}")
        if isinstance(decision, Pause):
            return await self.park(decision.reason)
        return await self.abort_transition("go on" if decision is None else decision.reason)


class WakeParkedOnly(Asking):
    """The keeper wakes parked runs; one that was cancelled or paused meanwhile stays as it is."""

    FROM_STATES = ALL_ORCHESTRATION_STATES
    TO_STATES = {StateType.SCHEDULED}  # noqa: RUF012

    async def before_transition(self, initial_state: Any, proposed_state: Any, context: Any) -> None:  # noqa: ARG002
        """Compare names."""
        if proposed_state.name == WOKEN and (initial_state is None or initial_state.name != AWAITING_SUN):
            await self.abort_transition("the run is not parked")


class CancelJob(Asking):
    """A run that is cancelled in Prefect's UI cancels its job."""

    FROM_STATES = ALL_ORCHESTRATION_STATES
    TO_STATES = {StateType.CANCELLING, StateType.CANCELLED}  # noqa: RUF012

    async def after_transition(self, initial_state: Any, validated_state: Any, context: Any) -> None:  # noqa: ARG002
        """Tell the job; it is told again by nobody, so an error is logged and the transition stands."""
        if validated_state is None or validated_state.type not in self.TO_STATES:
            return
        try:
            await self.ask(self.gate.cancel, self.run_id)
        except NaomeshError as error:
            log.error("the job of run %s could not be cancelled: %s", self.run_id, error)


RULES: tuple[type[Asking], ...] = (GreenAdmission, GreenStart, GreenBoundary, WakeParkedOnly, CancelJob)


class GreenFlowPolicy(CoreFlowPolicy):
    """Prefect's own policy with ours in it."""

    @staticmethod
    def priority() -> Any:
        """Prefect's rules in their order, ours after PreventPendingTransitions."""
        rules: list[Any] = list(CoreFlowPolicy.priority())
        place = rules.index(PreventPendingTransitions) + 1
        return [*rules[:place], *RULES, *rules[place:]]
