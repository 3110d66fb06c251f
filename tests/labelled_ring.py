"""A ring whose frames are drawn and labelled by the test, and the command that exports them."""

from goodpart_bank_builder.data.labelled_export import read_labels
from goodpart_station.cli.main import main as station
from goodpart_station.ring.config import RingConfig
from small_answers import AT, BOOT

CONFIG = RingConfig(random_rate=0.0, rejects_per_minute=1000, near_sigmas=100.0)


def main(*arguments):
    """`goodpart-station export`; returns the exit code."""
    return station(["export", *map(str, arguments)])


def draw(ring, result):
    """Keeps a frame because the draw fell on it."""
    ring.config = RingConfig(random_rate=1.0)
    assert ring.keep(result)
    ring.config = CONFIG


def label(ring, seq, word, *, who="anna", at=AT + 5000):
    return ring.label(ring.frames.frame_of(BOOT, seq).id, word, who=who, at=at)


def exported(out):
    """The first line, and what each file is called and kept for."""
    found = read_labels(out)
    first = found.drawn
    numbers = (first.drawn, first.good, first.defect, first.unlabelled)
    return numbers, {int(frame.file[-13:-4]): (frame.label.value, frame.kept_for) for _, frame in found.frames}
