"""A station judges the frames of a GigE Vision camera, sees it go, and takes it again; the camera is a process."""

import dataclasses

import numpy as np
import pytest

from aravis_camera import FakeCamera
from aravis_fake import ADDRESS, SIZE, picture
from goodpart import Inspector, Verdict
from goodpart_station.codes import PartVerdict, State
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.aravis import aravis_source
from goodpart_station.sources.camera_setup import CameraSetup
from station_parts import BUNDLE, Site, until

PATIENT_S = 60.0
TIMEOUT_S = 2.0
RATE = (("AcquisitionFrameRate", 10.0),)


@pytest.fixture
def camera():
    with FakeCamera() as started:
        yield started


def site_of(tmp_path, trigger, *, timeout_s, settings=()):
    setup = CameraSetup(
        pixel_format="RGB8",
        settings=(*SIZE.items(), *settings),
        trigger=trigger,
        timeout_s=timeout_s,
        exposure_s=PATIENT_S,
    )
    site = Site(tmp_path, trigger=trigger)
    site.plan = dataclasses.replace(
        site.plan, source=lambda wanted: aravis_source(ADDRESS, setup), source_timeout_s=timeout_s
    )
    return site


def test_each_part_gets_the_verdict_of_its_own_picture(camera, tmp_path):
    site = site_of(tmp_path, TriggerKind.SOFTWARE, timeout_s=PATIENT_S)
    inspector = Inspector.load(BUNDLE, threads=1)
    with site.running() as engine:
        for number in range(1, 13):
            engine.trigger(number)
            slot, result = site.slots.next(), site.records.next()
            expected = inspector.inspect(picture(number))
            np.testing.assert_array_equal(result.frame.pixels, picture(number))
            assert (slot.seq, slot.verdict.name, result.inspection.score) == (
                number,
                expected.verdict.name,
                expected.score,
            )
            # each third picture has a defect
            assert expected.verdict is (Verdict.DEFECT if number % 3 == 0 else Verdict.GOOD)
            assert result.frame.camera_frame == 65400 + number


def test_without_triggers_each_frame_is_a_part(camera, tmp_path):
    site = site_of(tmp_path, TriggerKind.NONE, timeout_s=PATIENT_S, settings=RATE)
    seen = set()
    with site.running():
        while len(seen) < 2:
            result = site.records.next()
            if result.inspection is not None and result.verdict in (PartVerdict.GOOD, PartVerdict.DEFECT):
                number = result.frame.camera_frame - 65400
                np.testing.assert_array_equal(result.frame.pixels, picture(number))
                assert (result.verdict is PartVerdict.DEFECT) == (number % 3 == 0)
                seen.add(result.verdict)


@pytest.mark.parametrize("trigger", [TriggerKind.NONE, TriggerKind.SOFTWARE])
@pytest.mark.parametrize("end", ["killed", "hangs"])
def test_a_camera_that_goes_is_a_fault_and_back_it_is_taken_again(camera, tmp_path, trigger, end):
    site = site_of(tmp_path, trigger, timeout_s=TIMEOUT_S, settings=RATE)
    with site.running(State.READY) as engine:
        if end == "killed":
            camera.kill()
        else:
            camera.hang()
        until(lambda: engine.status().state is State.FAULT)
        assert engine.status().why.startswith("camera Fake GP42: expected ")
        if trigger is TriggerKind.SOFTWARE:
            engine.trigger(1)
            assert site.slots.next().verdict is PartVerdict.REFUSED
        if end == "killed":
            camera.start()
        else:
            camera.go_on()
        until(lambda: engine.status().state is State.READY)
        if trigger is TriggerKind.SOFTWARE:
            engine.trigger(2)
            assert site.slots.next().verdict is PartVerdict.GOOD
    assert site.failure is None
