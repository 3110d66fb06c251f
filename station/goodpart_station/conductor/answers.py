"""Answers: each part gets exactly one, and only an inspection in time with the part's own bundle is ever GOOD."""

from goodpart_station.codes import PartVerdict, Reason
from goodpart_station.conductor.effects import Answer, Effect, Judgement
from goodpart_station.conductor.hands import Hand, Hands
from goodpart_station.conductor.rules import Rules
from goodpart_station.part import Frame, Part

_GOOD_TOTAL_MOST = 0xFFFFFFFF


class Answers:
    """Writes answers, and counts them.

    Attributes:
        result_seq: the PLC's number of the last part that was answered, 0 before the first.
        good_total: parts that got GOOD, modulo 2^32.
        timeouts_total: parts that got TIMEOUT.
        late_total: judgements that came after their part had got TIMEOUT.
        late_in_a_row: TIMEOUTs since the last judgement in time.
    """

    def __init__(self, rules: Rules, hands: Hands) -> None:
        self._simulated, self._hands = rules.simulated, hands
        self.result_seq = 0
        self.good_total = self.timeouts_total = self.late_total = self.late_in_a_row = 0

    def refuse_new(self, part: Part, reason: Reason, detail: str, *, frame: Frame | None = None, at_ns: int) -> Effect:
        """The answer for a part that was not taken."""
        self._count(part)
        return Answer(
            part=part,
            verdict=PartVerdict.REFUSED,
            reason=reason,
            detail=detail,
            frame=frame,
            judgement=None,
            late=False,
            at_ns=at_ns,
        )

    def refuse(self, hand: Hand, reason: Reason, detail: str, *, at_ns: int) -> Effect | None:
        """Answers a part with REFUSED, unless it has its answer."""
        return self._first(hand, PartVerdict.REFUSED, reason, detail, at_ns)

    def time_out(self, hand: Hand, *, at_ns: int) -> Effect | None:
        """Answers a part with TIMEOUT, unless it has its answer."""
        answer = self._first(hand, PartVerdict.TIMEOUT, Reason.DEADLINE, _timeout_words(hand), at_ns)
        if answer is not None:
            hand.timed_out = True
            self.timeouts_total += 1
            self.late_in_a_row += 1
        return answer

    def tell(self, hand: Hand, *, at_ns: int) -> Effect | None:
        """Answers a part with what the judge found, unless it has its answer."""
        found = hand.judgement
        if found is None:
            return None
        verdict, reason, detail = found.verdict, found.reason, found.detail
        if verdict is not PartVerdict.REFUSED and found.product != hand.part.product:
            verdict, reason = PartVerdict.REFUSED, Reason.PRODUCT_NOT_READY
            detail = f"expected a verdict of product {hand.part.product}'s bundle, found one of {found.product}'s"
        elif verdict is not PartVerdict.REFUSED and self._simulated:
            verdict = PartVerdict.SIMULATED
        answer = self._first(hand, verdict, reason, detail, at_ns)
        if answer is not None:
            self.late_in_a_row = 0
            self.good_total = (self.good_total + (verdict is PartVerdict.GOOD)) & _GOOD_TOTAL_MOST
        return answer

    def tell_late(self, hand: Hand, found: Judgement, *, at_ns: int) -> Effect | None:
        """What the judge found in a part that has its answer: for the records if that is TIMEOUT, else for nobody."""
        if not hand.timed_out:
            return None
        self.late_total += 1
        return Answer(
            part=hand.part,
            verdict=PartVerdict.TIMEOUT,
            reason=Reason.DEADLINE,
            detail=_timeout_words(hand),
            frame=hand.frame,
            judgement=found,
            late=True,
            at_ns=at_ns,
        )

    def _first(self, hand: Hand, verdict: PartVerdict, reason: Reason, detail: str | None, at_ns: int) -> Effect | None:
        """The first writer wins: an answer, or None if the part has one."""
        if not hand.open:
            return None
        self._hands.close(hand)
        self._count(hand.part)
        return Answer(
            part=hand.part,
            verdict=verdict,
            reason=reason,
            detail=detail,
            frame=hand.frame,
            judgement=hand.judgement,
            late=False,
            at_ns=at_ns,
        )

    def _count(self, part: Part) -> None:
        self.result_seq = self.result_seq if part.plc_seq is None else part.plc_seq


def _timeout_words(hand: Hand) -> str:
    waited_ms = (hand.part.deadline_ns - hand.part.triggered_ns) / 1e6
    return f"no {'frame' if hand.frame is None else 'verdict'} within {waited_ms:g} ms"
