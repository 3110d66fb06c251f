"""A station in a process of its own, for Modbus peers: it judges nothing, and answers part n by a rule.

    python station.py [SECONDS_PER_PART [PORT]]

It prints its port, and ends when stdin does. A thread of its own answers, as the judging thread does: every third part
is a DEFECT, and its score is part_id * 7 mod 1000003, so that a peer sees which part was answered.
"""

import asyncio
import dataclasses
import queue
import sys
import threading
import time

from goodpart_station.codes import Bits, PartVerdict, Reason, State
from goodpart_station.links.modbus import ModbusLink, ModbusTable
from goodpart_station.part import Slot, Status
from goodpart_station.settings import Endpoint


class Station:
    """Satisfies `Line`."""

    def __init__(self, seconds_per_part):
        self._seconds = seconds_per_part
        self._waiting = queue.SimpleQueue()
        self._status = Status(State.READY, Bits(0), 0, 0, 0, 1, 0, "", "")
        self._started = time.monotonic()
        self.link = None
        threading.Thread(target=self._judge, daemon=True).start()

    def trigger(self, plc_seq, *, product=0, part_id=0):
        self._status = dataclasses.replace(self._status, accepted_seq=plc_seq)
        self._waiting.put((plc_seq, product, part_id, time.monotonic()))

    def plc_heartbeat(self):
        pass

    def acknowledge(self, plc_seq):
        pass

    def command(self, command, *, product=0, who):
        return Reason.NONE if command in (1, 2, 3, 4) else Reason.UNKNOWN_COMMAND

    def status(self):
        return dataclasses.replace(self._status, heartbeat=int((time.monotonic() - self._started) * 10) % 65536)

    def _judge(self):
        while True:
            seq, product, part_id, triggered_s = self._waiting.get()
            time.sleep(self._seconds)
            verdict = PartVerdict.DEFECT if seq % 3 == 0 else PartVerdict.GOOD
            elapsed_ms = int((time.monotonic() - triggered_s) * 1000)
            self.link.publish(Slot(seq, verdict, Reason.NONE, product, part_id * 7 % 1000003, elapsed_ms))
            self._status = dataclasses.replace(self._status, result_seq=seq)


async def main():
    station = Station(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0)
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    station.link = ModbusLink(station, ModbusTable(listen=Endpoint("127.0.0.1", port)))
    await station.link.open()
    print(station.link.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await station.link.close()


asyncio.run(main())
