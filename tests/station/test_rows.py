"""Rows of a simulation: a line for each part with the folder of its image, and a sum for each folder."""

import dataclasses

import pytest

from goodpart_station.codes import PartVerdict
from goodpart_station.sinks.rows import Rows
from small_answers import answer, good, refused, reject


@pytest.fixture
def printed(capsys):
    """What is printed about parts, with the names of their images."""

    def prints(*parts):
        rows = Rows(when_closed=lambda: None)
        rows.start()
        for name, part in parts:
            rows.put(dataclasses.replace(part, frame=dataclasses.replace(part.frame, name=name)))
        rows.close()
        return capsys.readouterr().out.splitlines()

    return prints


def test_each_folder_gets_a_sum(printed):
    simulated = {"simulated": True, "verdict": PartVerdict.SIMULATED}
    found = printed(
        ("good/0.png", good(1, **simulated)),
        ("good/1.png", reject(2, **simulated)),
        ("good/2.png", good(3, **simulated)),
        ("contamination/0.png", reject(4, **simulated)),
        ("0.png", refused(5)),
    )
    assert [row.split()[4] for row in found[:5]] == [
        "good/0.png", "good/1.png", "good/2.png", "contamination/0.png", "0.png",
    ]  # fmt: skip
    assert found[5:] == [
        ".  1 part: 1 REFUSED", "contamination  1 part: 1 DEFECT", "good  3 parts: 2 GOOD, 1 DEFECT",
    ]  # fmt: skip


def test_a_judgement_that_comes_late_is_no_second_part(printed):
    timeout = answer(1, None, verdict=PartVerdict.TIMEOUT)
    assert printed(("a/0.png", timeout), ("a/0.png", good(1, late=True)))[2:] == ["a  1 part: 1 TIMEOUT"]
