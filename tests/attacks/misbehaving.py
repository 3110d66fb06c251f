"""Judges that misbehave, so that the tests see whether the driver notices."""

import ctypes
import signal

from attacks.judge import Judge, Outcome


class Misbehaving(Judge):
    """Crashes on some kinds of mutants, hangs on some, ends the process on some, and raises nothing on the others."""

    def __call__(self, mutant, folder):
        if mutant.kind == "flip":
            ctypes.string_at(0)
        if mutant.kind == "delete":
            signal.pause()
        if mutant.kind == "swap":
            raise SystemExit(7)
        if mutant.kind == "block":
            return Outcome("changed", "planted")
        return Outcome("same")
