"""The numbers that a PLC reads and writes. Every link uses the same ones; they never change their meaning."""

import enum

SEQ_MOST = 65535
"""The highest trigger number; the next one is 1. 0 means none."""

SLOTS = 16
"""How many results stay readable: that of part n until part n + 16 is answered."""


class State(enum.IntEnum):
    """What the station does. It takes triggers in READY and BUSY alone; in every other state it refuses them."""

    STARTING = 0
    INITIALIZED = 1
    READY = 2
    BUSY = 3
    HALTED = 4
    OUT_OF_STEP = 5
    FAULT = 6


class PartVerdict(enum.IntEnum):
    """The answer for one part. Only GOOD lets a part pass."""

    NONE = 0
    GOOD = 1
    DEFECT = 2
    UNKNOWN = 3
    REFUSED = 4
    TIMEOUT = 5
    SIMULATED = 9


class Reason(enum.IntEnum):
    """Why a part has neither GOOD nor DEFECT, or why a command was not carried out."""

    NONE = 0
    NO_SIGNAL = 1
    FROZEN_CAMERA = 2
    FRAME_REFUSED = 3
    OVERRUN = 4
    PRODUCT_NOT_READY = 5
    NOT_READY = 6
    DEADLINE = 7
    OUT_OF_STEP = 8
    PLC_LOST = 9
    INFERENCE_ERROR = 10
    UNFIT_FRAME = 11
    UNKNOWN_COMMAND = 12


class Bits(enum.IntFlag):
    """What a PLC or a person should know beside the state."""

    OVERRUN = 1 << 0
    PLC_LOST = 1 << 1
    DRIFT = 1 << 2
    RING_DROPS = 1 << 3
    DISK_FULL = 1 << 4
    SIMULATION = 1 << 5
    THRESHOLD_CHANGED = 1 << 6
    CLOCK_UNSYNCED = 1 << 7


class Command(enum.IntEnum):
    """What a PLC or a person can ask for."""

    HALT = 1
    RESET = 2
    RESYNC = 3
    PREPARE = 4
