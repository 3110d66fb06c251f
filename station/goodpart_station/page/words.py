"""What states, reasons and bits are called on the page, and what to do about them."""

import dataclasses

from goodpart_station.codes import Bits, PartVerdict, Reason, State


@dataclasses.dataclass(frozen=True)
class Words:
    """A thing in words.

    Attributes:
        says: what it is.
        do: what to do about it; "" if nothing has to be done.
    """

    says: str
    do: str = ""


STATES = {
    State.STARTING: Words("STARTING", "Wait: the bundle is loaded and tested. Parts are refused until then."),
    State.INITIALIZED: Words("NO PRODUCT", "Choose a product. Parts are refused until one is ready."),
    State.READY: Words("READY"),
    State.BUSY: Words("JUDGING"),
    State.HALTED: Words("HALTED", "Press Reset to go on. Parts are refused until then."),
    State.OUT_OF_STEP: Words(
        "OUT OF STEP",
        "Triggers and frames no longer match. Clear the parts between the trigger and the reject gate, then press "
        "Resync.",
    ),
    State.FAULT: Words("FAULT", "Remove the cause, then press Reset. Parts are refused until then."),
}

VERDICTS = {
    PartVerdict.NONE: Words("NO PART YET"),
    PartVerdict.GOOD: Words("GOOD"),
    PartVerdict.DEFECT: Words("DEFECT"),
    PartVerdict.UNKNOWN: Words("UNKNOWN"),
    PartVerdict.REFUSED: Words("REFUSED"),
    PartVerdict.TIMEOUT: Words("TOO LATE", "The verdict came after the deadline: the part does not pass."),
    PartVerdict.SIMULATED: Words("SIMULATED", "The frame came from a replay: the part does not pass."),
}

REASONS = {
    Reason.NONE: Words(""),
    Reason.NO_SIGNAL: Words("The frame is black, saturated or empty.", "Look at light, lens cap and exposure."),
    Reason.FROZEN_CAMERA: Words(
        "The camera sends the same frame again and again.", "Look at the camera and its cable; restart the camera."
    ),
    Reason.FRAME_REFUSED: Words(
        "The frame is not what the bundle was built for.", "Somebody changed the camera: undo that."
    ),
    Reason.OVERRUN: Words("Parts came faster than they can be judged.", "Slow the line down."),
    Reason.PRODUCT_NOT_READY: Words(
        "The part asked for a product that is not ready.", "Choose that product and wait until it is ready."
    ),
    Reason.NOT_READY: Words("The station was not ready.", "Look at its state."),
    Reason.DEADLINE: Words("The verdict came after the deadline.", "Look for other load on this PC."),
    Reason.OUT_OF_STEP: Words(
        "It is not certain which frame shows this part.", "Clear the parts in between, then press Resync."
    ),
    Reason.PLC_LOST: Words("The PLC is silent.", "Look at the PLC and the network cable."),
    Reason.INFERENCE_ERROR: Words(
        "The frame could not be computed.", "If it happens again, look at the journal of the service."
    ),
    Reason.UNFIT_FRAME: Words(
        "Light, colour or focus differ from all good parts.", "Look at lamp, lens and dirt, then at the part."
    ),
    Reason.UNKNOWN_COMMAND: Words("The station does not know this command.", "Look at the PLC's program."),
}

BITS = {
    Bits.OVERRUN: Words("Parts came faster than they can be judged.", "Slow the line down."),
    Bits.PLC_LOST: Words("The PLC is silent.", "Look at the PLC and the network cable."),
    Bits.DRIFT: Words("Frames are no longer what they were.", "Look at the drift panel."),
    Bits.RING_DROPS: Words(
        "Pictures are lost: they come faster than the disk takes them.", "Verdicts go on. Look for load on the disk."
    ),
    Bits.DISK_FULL: Words(
        "No picture is kept: the disk is full or cannot be written.", "Verdicts go on. Free space on the disk."
    ),
    Bits.SIMULATION: Words("SIMULATION: frames come from a replay, and no part passes."),
    Bits.THRESHOLD_CHANGED: Words("The threshold was moved on this PC: it is not the bundle's own."),
    Bits.CLOCK_UNSYNCED: Words(
        "The clock is not synchronised: times of parts may be wrong.",
        "Verdicts do not depend on it. Look at the time service of this PC.",
    ),
}

COMMANDS = {
    Reason.NOT_READY: "The station cannot do this in its present state.",
    Reason.PRODUCT_NOT_READY: "The station has no such product, or cannot prepare it now.",
}
"""Why a command from the page was not carried out, where the words for parts do not fit."""


def bits_in_words(bits: Bits) -> list[dict[str, str]]:
    """What the bits say, in their order, each as `{"bit": .., "says": .., "do": ..}`."""
    return [{"bit": bit.name or "", "says": words.says, "do": words.do} for bit, words in BITS.items() if bit in bits]


def refused_command(reason: Reason) -> str:
    """Why a command was not carried out."""
    return COMMANDS.get(reason, REASONS[reason].says)
