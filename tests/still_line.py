"""A station that stands still, and messages that say little, for tests of what leaves the PC."""

import json

from goodpart_station.codes import Bits, Reason, State
from goodpart_station.part import Result, Status
from small_answers import BUNDLE

IDLE = Status(
    state=State.READY, bits=Bits(0), heartbeat=0, accepted_seq=0, result_seq=0, product=1, good_total=0, bundle=BUNDLE,
    why="",
)  # fmt: skip


class PlainMessages:
    """Messages with a part's number and nothing that costs time."""

    def line(self, result: Result, *, dropped: int = 0) -> bytes:
        return json.dumps({"seq": result.part.seq, "verdict": result.verdict.name, "dropped": dropped}).encode()


class StillLine:
    """A station that stays as it is until a test changes `now`."""

    def __init__(self, now: Status = IDLE) -> None:
        self.now = now

    def trigger(self, plc_seq: int | None, *, product: int = 0, part_id: int = 0) -> int | None:
        raise NotImplementedError

    def plc_heartbeat(self) -> None:
        raise NotImplementedError

    def acknowledge(self, plc_seq: int) -> None:
        raise NotImplementedError

    def command(self, command: int, *, product: int = 0, who: str) -> Reason:
        raise NotImplementedError

    def status(self) -> Status:
        return self.now
