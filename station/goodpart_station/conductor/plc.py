"""Whether a PLC is there."""


class PlcPulse:
    """The heartbeat of a PLC.

    One change is not enough: a controller that is stopped may still be read out by a gateway, which then writes the old
    heartbeat and the old trigger once. A PLC is there when its heartbeat has changed twice without a pause.
    """

    def __init__(self, timeout_ns: int | None) -> None:
        """Begins without a PLC.

        Args:
            timeout_ns: how long the heartbeat may rest; None if there is no PLC, which is never lost then.
        """
        self._timeout_ns = timeout_ns
        self._changes = 0
        self._at_ns = 0

    def changed(self, now_ns: int) -> None:
        """The heartbeat has another value."""
        self.pass_time(now_ns)
        self._changes += 1
        self._at_ns = now_ns

    def pass_time(self, now_ns: int) -> None:
        """Time has passed."""
        if self._timeout_ns is not None and now_ns > self._at_ns + self._timeout_ns:
            self._changes = 0

    @property
    def lost(self) -> bool:
        """Whether the PLC is not there."""
        return self._timeout_ns is not None and self._changes < 2

    @property
    def next_ns(self) -> int | None:
        """When it will be lost if its heartbeat rests; None if it is lost, or cannot be."""
        return None if self._timeout_ns is None or not self._changes else self._at_ns + self._timeout_ns + 1
