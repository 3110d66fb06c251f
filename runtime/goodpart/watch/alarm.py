"""Alarms, and what they mean in words."""

import dataclasses

from goodpart.scoring.stats import STATS

REJECTS, UNFIT = "rejects", "unfit"
"""What is watched besides statistics: the share of DEFECT among judged frames, and of UNKNOWN and REFUSED among all."""

WATCHED = (*STATS, REJECTS, UNFIT)

_WORDS = {
    "score": ("scores higher", "parts, light, lens or position?", "scores lower", "light, lens or another variant?"),
    "grid": ("the whole part less like good ones", "surface, light or lens?",
             "the whole part more like good ones", "light, lens or another variant?"),
    "grey": ("brighter", "lamp, exposure or sunlight?", "darker", "lamp, exposure or dirt?"),
    "sharpness": ("sharper", "lens, sharpening or surface?", "less sharp", "focus, dirt or motion?"),
    "row": ("brightness further down in the frame", "fixture, camera or lamp moved?",
            "brightness further up in the frame", "fixture, camera or lamp moved?"),
    "column": ("brightness further right in the frame", "fixture, camera or lamp moved?",
               "brightness further left in the frame", "fixture, camera or lamp moved?"),
    REJECTS: ("more rejects", "look at the rejected parts", "fewer rejects", ""),
    UNFIT: ("more frames UNKNOWN or REFUSED", "look at their reasons", "fewer frames UNKNOWN or REFUSED", ""),
}  # fmt: skip
"""What a higher value is, where to look then, and the same for a lower one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DriftAlarm:
    """Frames are no longer what they were.

    Attributes:
        frame: number of the frame that gave the alarm, from 1.
        since: number of the frame from which on the evidence has grown: about when it began.
        statistic: what has changed most: one of `STATS`, "rejects" or "unfit".
        direction: "higher" or "lower".
        reason: for "unfit", why the last such frame was UNKNOWN or REFUSED, else empty.
    """

    frame: int
    since: int
    statistic: str
    direction: str
    reason: str = ""

    @property
    def words(self) -> str:
        """For people, for example "darker since frame 5,212: lamp, exposure or dirt?"."""
        higher, then, lower, else_ = _WORDS[self.statistic]
        what, look = (higher, then) if self.direction == "higher" else (lower, else_)
        last = f"; the last one: {self.reason}" if self.reason else ""
        return f"{what} since frame {self.since:,}: {look}{last}"
