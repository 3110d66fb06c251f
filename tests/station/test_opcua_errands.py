"""A disk that does not answer, and clients that go on asking."""

import asyncio
import threading

import pytest

from goodpart import UsageError
from goodpart_station.opcua import given
from goodpart_station.opcua.given import Errands


def test_a_disk_that_hangs_keeps_no_thread_from_others_however_often_clients_ask(monkeypatch):
    monkeypatch.setattr(given, "_ERRAND_S", 0.01)
    answers = threading.Event()

    async def go():
        errands = Errands()
        for _ in range(40):
            with pytest.raises(UsageError, match="disk: expected an answer"):
                await errands.do(lambda: answers.wait(300))
        # what looks for removed tokens
        try:
            return await asyncio.wait_for(asyncio.to_thread(lambda: "looked"), 30)
        finally:
            answers.set()

    assert asyncio.run(go()) == "looked"
