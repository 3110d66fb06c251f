"""States: what the station does, in the words of OPC 40100-1, and the transitions between them."""

import dataclasses
import enum
from collections import deque
from typing import Generic, TypeVar

from goodpart_station.codes import State


class Machine(enum.Enum):
    """The states of the VisionStateMachine, with their numbers in the specification's node set."""

    PREOPERATIONAL = "Preoperational", 5028
    HALTED = "Halted", 5029
    ERROR = "Error", 5030
    OPERATIONAL = "Operational", 5031


class Mode(enum.Enum):
    """The states of the AutomaticModeStateMachine, which has one while the VisionStateMachine is Operational."""

    INITIALIZED = "Initialized", 5056
    READY = "Ready", 5057
    SINGLE = "SingleExecution", 5058
    CONTINUOUS = "ContinuousExecution", 5059


class SystemState(enum.IntEnum):
    """What the time is used for (SystemStateDataType)."""

    PRODUCTION = 1
    STANDBY = 2
    SCHEDULED_DOWN = 4
    UNSCHEDULED_DOWN = 5


S = TypeVar("S", bound=enum.Enum)


@dataclasses.dataclass(frozen=True)
class Transition(Generic[S]):
    """One step between two states.

    Attributes:
        name, number: in the specification's node set.
        before, after: the states.
    """

    name: str
    number: int
    before: S
    after: S


# those that a system takes by itself: whether a client, a person or a PLC asked for it is not told
MACHINE_STEPS = (
    Transition("PreoperationalToHaltedAuto", 5033, Machine.PREOPERATIONAL, Machine.HALTED),
    Transition("PreoperationalToErrorAuto", 5034, Machine.PREOPERATIONAL, Machine.ERROR),
    Transition("PreoperationalToOperationalAuto", 5254, Machine.PREOPERATIONAL, Machine.OPERATIONAL),
    Transition("HaltedToPreoperationalAuto", 5038, Machine.HALTED, Machine.PREOPERATIONAL),
    Transition("ErrorToPreoperationalAuto", 5040, Machine.ERROR, Machine.PREOPERATIONAL),
    Transition("ErrorToHaltedAuto", 5042, Machine.ERROR, Machine.HALTED),
    Transition("ErrorToOperationalAuto", 5255, Machine.ERROR, Machine.OPERATIONAL),
    Transition("OperationalToPreoperationalAuto", 5048, Machine.OPERATIONAL, Machine.PREOPERATIONAL),
    Transition("OperationalToHaltedAuto", 5050, Machine.OPERATIONAL, Machine.HALTED),
    Transition("OperationalToErrorAuto", 5051, Machine.OPERATIONAL, Machine.ERROR),
)
MODE_STEPS = (
    Transition("InitializedToReadyAuto", 5061, Mode.INITIALIZED, Mode.READY),
    Transition("ReadyToInitializedAuto", 5063, Mode.READY, Mode.INITIALIZED),
    Transition("ReadyToSingleExecutionAuto", 5065, Mode.READY, Mode.SINGLE),
    Transition("ReadyToContinuousExecutionAuto", 5067, Mode.READY, Mode.CONTINUOUS),
    Transition("SingleExecutionToReadyAuto", 5070, Mode.SINGLE, Mode.READY),
    Transition("ContinuousExecutionToReadyAuto", 5073, Mode.CONTINUOUS, Mode.READY),
)


def path(steps: tuple[Transition[S], ...], before: S, after: S) -> list[Transition[S]]:
    """The shortest way from one state to another; no step where they are the same.

    Args:
        steps: the transitions that there are.
        before, after: the states.
    """
    ways: dict[S, list[Transition[S]]] = {before: []}
    waiting = deque([before])
    while waiting and after not in ways:
        state = waiting.popleft()
        for step in steps:
            if step.before is state and step.after not in ways:
                ways[step.after] = [*ways[state], step]
                waiting.append(step.after)
    if after in ways:
        return ways[after]
    raise ValueError(f"no way from {before} to {after}")


def machine_of(state: State) -> Machine:
    """The state of the VisionStateMachine."""
    match state:
        case State.STARTING:
            return Machine.PREOPERATIONAL
        case State.INITIALIZED | State.READY | State.BUSY:
            return Machine.OPERATIONAL
        case State.HALTED:
            return Machine.HALTED
        case State.OUT_OF_STEP | State.FAULT:
            return Machine.ERROR


def system_state_of(state: State) -> SystemState:
    """What the time is used for."""
    match state:
        case State.READY | State.BUSY:
            return SystemState.PRODUCTION
        case State.STARTING | State.INITIALIZED:
            return SystemState.STANDBY
        case State.HALTED:
            return SystemState.SCHEDULED_DOWN
        case State.OUT_OF_STEP | State.FAULT:
            return SystemState.UNSCHEDULED_DOWN
