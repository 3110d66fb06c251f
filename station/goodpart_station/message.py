"""The message about one answered part: the same in log, MQTT, webhook and page."""

import json
import secrets
from typing import Any

from goodpart import Inspection
from goodpart_station.codes import Reason
from goodpart_station.part import Result
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.keeping import file_name, why_kept
from goodpart_station.ring.times import utc

VERSION = 1
"""Of the keys. New keys may come without a new version; a key never changes its meaning."""


def new_boot() -> str:
    """An id for one start of the station: 16 random hexadecimal digits."""
    return secrets.token_hex(8)


class Messages:
    """Makes the messages of one station; safe on several threads."""

    def __init__(self, station: str, boot: str, ring: RingConfig | None) -> None:
        """Takes what is the same in all of them.

        Args:
            station: the name of the station.
            boot: the id of this start, from `new_boot`.
            ring: what the ring keeps; None without a ring.
        """
        self.station, self.boot = station, boot
        self._ring = ring

    def plain(self, result: Result, *, dropped: int = 0) -> dict[str, Any]:
        """A result as plain values for JSON, with the numbers that `Inspection.to_dict` gives.

        Keys, all present in every message:

        - `v`: 1, the version of these keys.
        - `station`, `boot`, `seq`: who answered. `boot` is another one after each start, and `seq` counts from 1.
        - `plc_seq`: the number that the PLC gave the part, or None. `part_id`: what the PLC calls it, as text, or None.
        - `product`: its name. `bundle`: digest of the bundle, or None. `serial`: the bundle's.
        - `verdict`: "GOOD", "DEFECT", "UNKNOWN", "REFUSED", "TIMEOUT" or "SIMULATED". Only "GOOD" lets a part pass.
        - `judged`: what the inspection said: "GOOD", "DEFECT", "UNKNOWN", or None if there was none. It differs from
          the verdict in a simulation, and for a part that was late.
        - `reason`: the name of a `Reason`, or None. `detail`: the reason in words, or None.
        - `score`, `threshold`: sigmas; `p_value`: 0 to 1; None without an inspection.
        - `threshold_moved`, `checks_moved`: whether others than those of the bundle were used.
        - `regions`: a list of `[y_px, x_px, height_px, width_px, peak]`, strongest first.
        - `stats`: what `goodpart drift` watches, or None.
        - `at`: UTC of the answer. `mono_ns`: CLOCK_MONOTONIC of it.
        - `ms`: milliseconds of "grab", "queue", "embed", "search", "total", as far as they are known.
        - `camera_frame`: the camera's number of the frame, or None. `source_file`: the file that it came from, or None.
        - `image`: the name under which the ring keeps the frame if it has room, or None if it does not want it.
        - `late`, `simulated`: as in `Result`.
        - `dropped`: how many messages before this one were dropped on this way.

        Args:
            result: of the part.
            dropped: how many results this sink has dropped since its last message.
        """
        part, frame = result.part, result.frame
        kept = None if self._ring is None else why_kept(result, self.boot, self._ring)
        return {
            "v": VERSION,
            "station": self.station,
            "boot": self.boot,
            "seq": part.seq,
            "plc_seq": part.plc_seq,
            "part_id": str(part.part_id) if part.part_id else None,
            "product": result.product,
            "bundle": result.bundle or None,
            "serial": result.serial,
            "verdict": result.verdict.name,
            "judged": None if result.inspection is None else result.inspection.verdict.value,
            "reason": None if result.reason is Reason.NONE else result.reason.name,
            "detail": result.detail,
            **_judged(result.inspection),
            "at": utc(result.at),
            "mono_ns": result.answered_ns,
            "ms": {stage: round(ms, 3) for stage, ms in result.ms.items()},
            "camera_frame": None if frame is None else frame.camera_frame,
            "source_file": None if frame is None else frame.name,
            "image": None if kept is None else file_name(self.boot, part.seq),
            "late": result.late,
            "simulated": result.simulated,
            "dropped": dropped,
        }

    def line(self, result: Result, *, dropped: int = 0) -> bytes:
        """The message as one line of JSON in UTF-8, without its end of line; arguments as for `plain`."""
        return as_json(self.plain(result, dropped=dropped))


def as_json(plain: dict[str, Any]) -> bytes:
    """Plain values as one line of JSON in UTF-8, without spaces and without an end of line."""
    text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # half a character, as a file's name may hold one, becomes a JSON escape
    return text.encode("utf-8", "backslashreplace")


_TAKEN = ("score", "threshold", "p_value", "threshold_moved", "checks_moved", "stats")


def _judged(inspection: Inspection | None) -> dict[str, Any]:
    if inspection is None:
        return {
            **dict.fromkeys(_TAKEN[:3]),
            "threshold_moved": False,
            "checks_moved": False,
            "regions": [],
            "stats": None,
        }
    plain = inspection.to_dict()
    boxes = ("y_px", "x_px", "height_px", "width_px", "peak")
    regions = [[region[name] for name in boxes] for region in plain["regions"]]
    return {**{name: plain[name] for name in _TAKEN[:-1]}, "regions": regions, "stats": plain["stats"]}
