"""Flow: the parts from trigger to answer."""

from goodpart_station.codes import Reason
from goodpart_station.conductor.admission import Admission
from goodpart_station.conductor.answers import Answers
from goodpart_station.conductor.condition import Condition, Fault
from goodpart_station.conductor.effects import Effect, Expose, Judge, Judgement, Taken
from goodpart_station.conductor.hands import Hand, Hands
from goodpart_station.conductor.ids import CameraIds
from goodpart_station.conductor.pairing import Doubt, Pair, pairing_of
from goodpart_station.conductor.plc import PlcPulse
from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.part import Frame, Part


class Flow:
    """Takes or refuses parts, finds their frames, and answers them.

    Attributes:
        answers: writes and counts the answers.
        admission: decides whether a part is taken.
        accepted_seq: the PLC's number of the last trigger, 0 before the first.
        seq: the station's number of the last part, 0 before the first.
        effects: what must be done, in order; the conductor takes them out.
    """

    def __init__(self, rules: Rules, condition: Condition, plc: PlcPulse, *, now_ns: int) -> None:
        self._rules, self._condition, self._now_ns = rules, condition, now_ns
        self._hands, self._pairing, self._ids = Hands(), pairing_of(rules), CameraIds()
        self.answers = Answers(rules, self._hands)
        self.admission = Admission(rules, condition, self._hands, self._pairing, plc)
        self.effects: list[Effect] = []
        self.accepted_seq = self.seq = 0
        # the last trigger or frame whose partner may still come
        self._stirred_ns = now_ns

    def pass_time(self, now_ns: int) -> None:
        """Does what time alone brings about. It must be called before anything is told, and sets the time of that."""
        self._now_ns = now_ns
        for hand in self._hands.open():
            if now_ns >= hand.part.deadline_ns:
                self._add(self.answers.time_out(hand, at_ns=now_ns))
        if self.answers.late_in_a_row >= self._rules.late_limit:
            why = f"{self.answers.late_in_a_row} parts in a row had no verdict at their deadline"
            self._condition.faults.setdefault(Fault.LATE, why)
        self._act_on(self._pairing.overdue(now_ns))
        self._tell_certain()
        if now_ns > self._stirred_ns + self._rules.resync_ns:
            self._condition.step_why = None
        self.admission.pass_time(now_ns)

    def announced(self, plc_seq: int | None, product: int, part_id: int) -> None:
        """A trigger."""
        if plc_seq is not None:
            self.accepted_seq = plc_seq
            if any(hand.part.plc_seq == plc_seq for hand in self._hands.open()):
                self._lose_step(f"the trigger number {plc_seq} came again while its part had no answer")
        refusal = self.admission.announced(product, by_plc=plc_seq is not None, now_ns=self._now_ns)
        if self._rules.trigger is TriggerKind.NONE:
            refusal = Reason.NOT_READY, "expected no trigger where every frame is a part"
        part = self._new_part(plc_seq, part_id)
        if refusal is None:
            self._hands.add(Hand(part))
            self.effects.append(Taken(part))
            if self._rules.trigger is TriggerKind.SOFTWARE:
                self.effects.append(Expose(part))
        else:
            self.effects.append(self.answers.refuse_new(part, *refusal, at_ns=self._now_ns))
        if refusal is None or self._rules.trigger is TriggerKind.HARDWARE:
            self._stirred_ns = self._now_ns
        self._act_on(self._pairing.announce(part, self._now_ns, taken=refusal is None))

    def arrived(self, frame: Frame) -> None:
        """A frame."""
        if self._rules.trigger is TriggerKind.NONE:
            self._unannounced(frame)
            return
        self._stirred_ns = self._now_ns
        self._act_on(self._pairing.arrive(frame, self._ids.take(frame.camera_frame)))

    def judged(self, part: Part, judgement: Judgement) -> None:
        """What the judge found in the frame of a part."""
        hand = self._hands.of(part)
        if hand is None or hand.part is not part or not hand.with_judge:
            return
        if hand.open:
            hand.judgement = judgement
            self._tell_certain()
        else:
            self._hands.remove(hand)
            self._add(self.answers.tell_late(hand, judgement, at_ns=self._now_ns))

    def source_lost(self, why: str) -> None:
        """No frame comes any more."""
        if self._pairing.exposing:
            self._lose_step("the source was lost during an exposure")
        self._pairing.forget()
        self._ids = CameraIds()
        for hand in self._hands.open():
            if hand.frame is None:
                self._add(self.answers.refuse(hand, Reason.NOT_READY, why, at_ns=self._now_ns))

    def give_up(self, why: str) -> None:
        """No part that is in hand can pass any more."""
        for hand in self._hands.open():
            self._add(self.answers.refuse(hand, Reason.NOT_READY, why, at_ns=self._now_ns))

    def forgive(self) -> None:
        """Earlier TIMEOUTs do not count any more."""
        self.answers.late_in_a_row = 0

    @property
    def any_open(self) -> bool:
        """Whether a part has no answer yet."""
        return self._hands.any_open

    @property
    def idle(self) -> bool:
        """Whether the judge holds nothing and no part waits for its frame."""
        return not self._hands.waiting

    @property
    def next_ns(self) -> int | None:
        """When `pass_time` must be called at the latest; None if nothing is waited for."""
        resync_ns = None if self._condition.step_why is None else self._stirred_ns + self._rules.resync_ns + 1
        times = [self._pairing.next_ns, self.admission.next_ns, resync_ns]
        for hand in self._hands.open():
            times.append(hand.part.deadline_ns)
            # known before the judge has done its part, so that the judge makes nothing due earlier
            if hand.frame is not None and (certain_ns := self._pairing.certain_from(hand.frame)) > self._now_ns:
                times.append(certain_ns)
        return min((each for each in times if each is not None), default=None)

    def _unannounced(self, frame: Frame) -> None:
        """A frame that is a part, because nobody announces any."""
        refusal = self.admission.announced(0, by_plc=False, now_ns=self._now_ns)
        # a number that came before is an old frame, and a gap a part that nobody saw: somebody must look
        if (gap := self._ids.take(frame.camera_frame)) is not None and refusal is None:
            refusal = Reason.OUT_OF_STEP, gap
        part = self._new_part(None, 0)
        if refusal is None:
            self._hands.add(Hand(part, frame))
            self.effects.append(Judge(part, frame))
        else:
            self.effects.append(self.answers.refuse_new(part, *refusal, frame=frame, at_ns=self._now_ns))

    def _new_part(self, plc_seq: int | None, part_id: int) -> Part:
        self.seq += 1
        return Part(
            seq=self.seq,
            plc_seq=plc_seq,
            part_id=part_id,
            product=self._condition.product,
            triggered_ns=self._now_ns,
            deadline_ns=self._now_ns + self._rules.deadline_ns,
        )

    def _add(self, effect: Effect | None) -> None:
        if effect is not None:
            self.effects.append(effect)

    def _act_on(self, found: Pair | Doubt | None) -> None:
        if isinstance(found, Doubt):
            self._lose_step(found.why)
        elif found is not None and (hand := self._hands.of(found.part)) is not None and hand.open:
            hand.frame = found.frame
            self.effects.append(Judge(found.part, found.frame))

    def _lose_step(self, why: str) -> None:
        """Nothing that is in hand can be trusted any more."""
        if self._condition.step_why is None:
            self._condition.step_why = why
        self._pairing.forget()
        self._ids.excuse_gap()
        for hand in self._hands.open():
            self._add(self.answers.refuse(hand, Reason.OUT_OF_STEP, why, at_ns=self._now_ns))

    def _tell_certain(self) -> None:
        """Answers the parts whose frame cannot be another part's any more."""
        for hand in self._hands.open():
            if hand.frame is not None and self._now_ns >= self._pairing.certain_from(hand.frame):
                self._add(self.answers.tell(hand, at_ns=self._now_ns))
