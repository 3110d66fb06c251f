"""Decide: whether NEW may take the place of OLD, with reasons of one sentence each.

Scores of two banks are on different scales, so verdicts, ranks and p-values are compared, and sigmas of OLD with sigmas
of OLD alone.
"""

import dataclasses
import enum
from collections.abc import Sequence

from goodpart_bank_builder.compare.comparison import CompareSettings, Comparison
from goodpart_bank_builder.compare.speed import MOST_RATIO

LEVEL = 0.05
"""The largest p-value at which a difference is no longer taken for chance."""

_NAMED = 3


class Outcome(enum.Enum):
    """What becomes of NEW."""

    GO = "go"
    NO_GO = "no-go"
    NOT_DECIDED = "not decided"


class Reason(enum.Enum):
    """The rule that a reason comes from."""

    UNTRAINED = "untrained"
    SUSPECTS = "threshold rests on suspects"
    LEARNED_DEFECTS = "learned defects"
    NOT_RANDOM = "not random"
    ESCAPES = "escapes"
    AUROC = "auroc"
    ADDED_IMAGES = "added images"
    FALSE_REJECTS = "false rejects"
    LATENCY = "latency"
    NO_DEFECTS = "no labelled defects"
    NO_GOOD = "no good images"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule, and what came of it.

    Attributes:
        reason: the rule.
        is_against: whether it speaks against NEW.
        sentence: why, in words.
    """

    reason: Reason
    is_against: bool
    sentence: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """Go, no-go or not decided.

    Attributes:
        outcome: the decision.
        findings: of all rules that could be tried, those against NEW first.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]

    @property
    def against(self) -> list[Finding]:
        """The findings that speak against NEW."""
        return [finding for finding in self.findings if finding.is_against]

    @property
    def headline(self) -> str:
        """The decision in one line."""
        if self.outcome is Outcome.GO:
            return "go: nothing speaks against NEW"
        if self.outcome is Outcome.NO_GO:
            return f"no-go: {', '.join(dict.fromkeys(finding.reason.value for finding in self.against))}"
        missing = {Reason.NO_DEFECTS: "a labelled defect", Reason.NO_GOOD: "good images"}
        lacks = [word for reason, word in missing.items() if reason in {each.reason for each in self.findings}]
        return f"not decided: the data holds no {' and no '.join(lacks).replace('a labelled', 'labelled')}"


def decide(found: Comparison, settings: CompareSettings) -> Decision:
    """Go, no-go or not decided; without labelled defects or without good images it is never go."""
    findings = [
        *_states(found),
        *_learned(found),
        *_not_random(found),
        _escapes(found, settings),
        *_area(found),
        *_added(found),
        _false_rejects(found, settings),
        *_latency(found),
    ]
    lacking = []
    if not found.escapes.of:
        sentence = "The data holds no labelled defect that neither bank has learned, so nothing says what NEW finds."
        lacking.append(Finding(reason=Reason.NO_DEFECTS, is_against=False, sentence=sentence))
    if not found.false_rejects.of:
        sentence = "The data holds no good image that neither bank has learned, so nothing says what NEW rejects."
        lacking.append(Finding(reason=Reason.NO_GOOD, is_against=False, sentence=sentence))
    ordered = sorted([*findings, *lacking], key=lambda finding: not finding.is_against)
    if any(finding.is_against for finding in ordered):
        outcome = Outcome.NO_GO
    else:
        outcome = Outcome.NOT_DECIDED if lacking else Outcome.GO
    return Decision(outcome=outcome, findings=tuple(ordered))


def _states(found: Comparison) -> list[Finding]:
    """What NEW says of itself."""
    findings = []
    if found.new.warning is not None:
        sentence = f"NEW is marked: {found.new.warning}."
        findings.append(Finding(reason=Reason.UNTRAINED, is_against=True, sentence=sentence))
    if found.new.carried_by:
        sentence = (
            f"The threshold of NEW rests on {counted(len(found.new.carried_by), 'good image')} unlike the others: "
            f"{named(found.new.carried_by)}."
        )
        findings.append(Finding(reason=Reason.SUSPECTS, is_against=True, sentence=sentence))
    return findings


def _learned(found: Comparison) -> list[Finding]:
    if not found.learned_defects:
        return []
    sentence = (
        f"NEW has learned {counted(len(found.learned_defects), 'image')} as good that the data labels as a defect: "
        f"{named(found.learned_defects)}."
    )
    return [Finding(reason=Reason.LEARNED_DEFECTS, is_against=True, sentence=sentence)]


def _not_random(found: Comparison) -> list[Finding]:
    return [
        Finding(reason=Reason.NOT_RANDOM, is_against=True, sentence=f"{sentence}.") for sentence in found.not_random
    ]


def _escapes(found: Comparison, settings: CompareSettings) -> Finding:
    lost, change = found.escapes_by_margin, found.escapes
    margin = f"{settings.escape_margin:g} sigma{'' if settings.escape_margin == 1 else 's'} of OLD"
    if lost:
        worst = sorted(lost, key=lambda part: -(part.old_margin or 0.0))
        names = [part.images[0].name for part in worst]
        sentence = (
            f"NEW passes {counted(len(lost), 'defect')} that OLD rejects by at least {margin}: {named(names)}; OLD "
            f"passes {change.old} of {change.of} defects, NEW {change.new} (McNemar p {change.p_value:.2g})."
        )
    else:
        sentence = (
            f"NEW passes no defect that OLD rejects by at least {margin}; OLD passes {change.old} of {change.of} "
            f"defects, NEW {change.new} (McNemar p {change.p_value:.2g})."
        )
    return Finding(reason=Reason.ESCAPES, is_against=bool(lost), sentence=sentence)


def _area(found: Comparison) -> list[Finding]:
    if (area := found.area) is None:
        return []
    where = "lies below 0" if area.high < 0 else "does not lie below 0"
    sentence = (
        f"The image AUROC goes from {area.old:.4f} to {area.new:.4f}; the 95 % interval of the change, "
        f"{area.low:+.4f} to {area.high:+.4f}, {where}."
    )
    return [Finding(reason=Reason.AUROC, is_against=area.high < 0, sentence=sentence)]


def _added(found: Comparison) -> list[Finding]:
    if (effect := found.effect) is None:
        return []
    area, images = effect.area, counted(len(found.added), "image")
    is_against = area.high < 0
    effect_in_words = "lower" if is_against else "do not provably lower"
    sentence = (
        f"The {images} that NEW learned in addition {effect_in_words} its image AUROC: "
        f"without their patches it would be {area.old:.4f}, with them it is {area.new:.4f} (95 % interval of the "
        f"change {area.low:+.4f} to {area.high:+.4f})"
    )
    if is_against and effect.hidden:
        hides = [f"{name} ({counted(number, 'defect')})" for name, number in effect.hidden.items()]
        sentence += f"; look whether they show good parts, first {named(hides)}"
    return [Finding(reason=Reason.ADDED_IMAGES, is_against=is_against, sentence=f"{sentence}.")]


def _false_rejects(found: Comparison, settings: CompareSettings) -> Finding:
    """A rise counts only where NEW breaks its promise: OLD may have rejected fewer than it was allowed to."""
    change, kept = found.false_rejects, found.kept
    breaks = kept.share > found.new.promised
    is_against = breaks and change.rise > settings.max_false_reject_rise and change.p_value < LEVEL
    rise = f"a rise of {100 * change.rise:.1f} points" if change.rise > 0 else "no rise"
    sentence = (
        f"OLD rejects {change.old} of {change.of} good parts, NEW {change.new}: {rise}, of "
        f"{100 * settings.max_false_reject_rise:g} points that are allowed (McNemar p {change.p_value:.2g}; below "
        f"{LEVEL:g} it is no chance). NEW {'breaks' if breaks else 'keeps'} its own rate: it rejects "
        f"{kept.rejected} of {counted(kept.of, f'good {kept.unit.value}')}, and {100 * found.new.promised:.3g} % are "
        f"allowed."
    )
    return Finding(reason=Reason.FALSE_REJECTS, is_against=is_against, sentence=sentence)


def _latency(found: Comparison) -> list[Finding]:
    if (speed := found.speed) is None:
        return []
    sentence = (
        f"The 99th percentile of the latency of NEW is {speed.ratio:.2f} times that of OLD on the same "
        f"{counted(speed.frames, 'frame')} (95 % interval {speed.low:.2f} to {speed.high:.2f}); "
        f"{'all' if speed.is_slower else 'not all'} of the interval lies above {MOST_RATIO:g}."
    )
    return [Finding(reason=Reason.LATENCY, is_against=speed.is_slower, sentence=sentence)]


def named(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def counted(number: int, noun: str) -> str:
    """A number of things: `2 images`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
