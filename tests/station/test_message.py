"""The message about one part: its keys and its text never change by accident."""

import dataclasses
import json
import math

import numpy as np
import pytest

from goodpart import Verdict
from goodpart.cli.main import main
from goodpart_station.codes import PartVerdict, Reason
from goodpart_station.message import Messages, new_boot
from goodpart_station.ring.config import RingConfig
from small_answers import AT, BOOT, THRESHOLD, answer, good, inspection, near, refused, reject

MESSAGES = Messages("line1", BOOT, RingConfig(random_rate=0.0))

REJECTED = (
    '{"v":1,"station":"line1","boot":"6f0c5d2b9a71e384","seq":4711,"plc_seq":4711,"part_id":"884213",'
    '"product":"bracket","bundle":"1f3a9c0000000000000000000000000000000000000000000000000000000000","serial":12,'
    '"verdict":"DEFECT","judged":"DEFECT","reason":null,"detail":null,"score":9.0,"threshold":3.5,"p_value":0.42,'
    '"threshold_moved":false,"checks_moved":false,"regions":[[4,10,4,5,9.0]],"stats":{"score":9.0,"grid":0.0,'
    '"grey":100.0,"sharpness":0.25,"row":0.5,"column":0.5},"at":"2026-11-26T19:52:08.123Z","mono_ns":4711000000000,'
    '"ms":{"grab":11.2,"queue":0.2,"embed":24.1,"search":3.9,"total":41.0},"camera_frame":64711,"source_file":null,'
    '"image":"6f0c5d2b9a71e384-000004711.png","late":false,"simulated":false,"dropped":2}'
)
REFUSED = (
    '{"v":1,"station":"line1","boot":"6f0c5d2b9a71e384","seq":1,"plc_seq":null,"part_id":null,"product":"bracket",'
    '"bundle":null,"serial":0,"verdict":"REFUSED","judged":null,"reason":"OVERRUN","detail":"4 parts wait",'
    '"score":null,"threshold":null,"p_value":null,"threshold_moved":false,"checks_moved":false,"regions":[],'
    '"stats":null,"at":"2026-11-26T18:33:38.123Z","mono_ns":1000000000,"ms":{},"camera_frame":null,'
    '"source_file":null,"image":null,"late":false,"simulated":false,"dropped":0}'
)


def test_the_text_of_a_reject():
    assert MESSAGES.line(reject(4711), dropped=2).decode() == REJECTED


def test_the_text_of_a_part_without_a_frame():
    part = dataclasses.replace(good(1).part, plc_seq=None, part_id=0)
    result = refused(
        1, part=part, frame=None, bundle="", serial=0, reason=Reason.OVERRUN, detail="4 parts wait", ms={}
    )  # fmt: skip
    assert MESSAGES.line(result).decode() == REFUSED


def test_every_message_has_the_same_keys():
    keys = list(json.loads(REJECTED))
    for result in (good(1), near(2), refused(3), reject(4)):
        assert list(MESSAGES.plain(result)) == keys


def test_the_numbers_are_those_of_the_runtime_and_deny_no_verdict():
    close = math.nextafter(THRESHOLD, 9)
    result = answer(1, close)
    found, told = MESSAGES.plain(result), result.inspection.to_dict()
    assert found["score"] > found["threshold"]
    for name in ("score", "threshold", "p_value", "stats", "threshold_moved", "checks_moved"):
        assert found[name] == told[name]


def test_the_image_is_the_one_that_the_ring_wants():
    assert MESSAGES.plain(good(1))["image"] is None
    assert MESSAGES.plain(near(2))["image"] == f"{BOOT}-000000002.png"
    assert Messages("line1", BOOT, None).plain(reject(3))["image"] is None
    assert Messages("line1", BOOT, RingConfig(random_rate=1.0)).plain(good(4))["image"] == f"{BOOT}-000000004.png"


def test_late_and_simulated_parts_say_what_was_judged():
    late = MESSAGES.plain(good(1, verdict=PartVerdict.TIMEOUT, reason=Reason.DEADLINE, late=True))
    assert (late["verdict"], late["judged"], late["reason"], late["late"]) == ("TIMEOUT", "GOOD", "DEADLINE", True)
    replayed = MESSAGES.plain(good(1, verdict=PartVerdict.SIMULATED, simulated=True))
    assert (replayed["verdict"], replayed["judged"], replayed["simulated"]) == ("SIMULATED", "GOOD", True)


def test_a_name_that_is_not_utf_8_breaks_no_line():
    frame = dataclasses.replace(good(1).frame, name="a\udcff\n\u2028.png")
    line = MESSAGES.line(good(1, frame=frame))
    assert b"\n" not in line
    assert json.loads(line)["source_file"] == frame.name


def test_boots_differ():
    assert new_boot() != new_boot()
    assert new_boot().isalnum()


def _parts(count):
    rng = np.random.default_rng(3)
    for seq, values in enumerate(rng.normal(size=(count, 4)), start=1):
        names = ("grey", "sharpness", "row", "column")
        found = inspection(float(rng.normal(1, 0.3)), statistics=dict(zip(names, values.tolist(), strict=True)))
        yield good(seq, inspection=found)


def test_goodpart_drift_reads_the_log(tmp_path, capsys):
    """Late parts and those of a simulation count as what was judged, a part without a frame not at all."""
    odd = [
        good(901, verdict=PartVerdict.TIMEOUT, reason=Reason.DEADLINE, late=True),
        good(902, verdict=PartVerdict.TIMEOUT, reason=Reason.DEADLINE, inspection=None, frame=None),
        reject(903, verdict=PartVerdict.SIMULATED, simulated=True),
        answer(904, inspection=inspection(1.0, verdict=Verdict.UNKNOWN), verdict=PartVerdict.UNKNOWN, detail="dark"),
        refused(905),
    ]
    log = tmp_path / "results.jsonl"
    log.write_bytes(b"".join(MESSAGES.line(each) + b"\n" for each in [*_parts(300), *odd]))
    assert main(["drift", str(log), "--block", "1", "--false-alarm-every", "6250"]) == 0
    assert "304 frames, of which 2 UNKNOWN or REFUSED" in capsys.readouterr().out


@pytest.mark.parametrize("judged", ["NONE", 3, []])
def test_goodpart_drift_refuses_what_a_station_does_not_say(tmp_path, capsys, judged):
    log = tmp_path / "results.jsonl"
    log.write_text(json.dumps({**MESSAGES.plain(good(1)), "judged": judged}) + "\n")
    assert main(["drift", str(log)]) == 2
    assert "expected a result of goodpart score --json" in capsys.readouterr().err


def test_a_moment_is_utc():
    assert MESSAGES.plain(good(1, at=AT))["at"] == "2026-11-26T18:33:37.123Z"
