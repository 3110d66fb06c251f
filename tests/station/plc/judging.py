"""The real station in a process of its own, for Modbus peers: a bundle judges what a camera in memory gives.

    python judging.py BUNDLE FOLDER

It prints its port when it is ready, and ends when stdin does. Every third part is a defect: its frame is the bundle's
golden frame 1, that of the others golden frame 0.
"""

import operator
import sys
import threading
import time
from pathlib import Path

from golden_camera import GoldenCamera
from goodpart import Store
from goodpart_station.codes import State
from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.links.modbus import ModbusLink, ModbusTable
from goodpart_station.running import Plan, Plugs, started
from goodpart_station.settings import Endpoint
from goodpart_station.sources.source import POLL_S

_S = 1_000_000_000


class Product:
    number, name, preload = 1, "bar", True


def main():
    bundle, folder = Path(sys.argv[1]), Path(sys.argv[2])
    store = Store(folder / "store")
    store.activate(store.add(bundle).digest)
    links = []

    def plugs(engine):
        links.append(ModbusLink(engine, ModbusTable(listen=Endpoint("127.0.0.1", 0))))
        return Plugs(plc=links)

    # nobody looks at times here, on a machine that may be busy
    times = {"deadline_ns": 60 * _S, "pair_after_ns": 50 * _S, "resync_ns": 51 * _S}
    plan = Plan(
        data=folder,
        products=(Product(),),
        store_of=lambda number: store,
        threads=1,
        rules=Rules(trigger=TriggerKind.SOFTWARE, products=frozenset({1}), queue_parts=8, **times),
        source=lambda wanted: GoldenCamera(bundle, operator.attrgetter("plc_seq")),
        plugs=plugs,
        product=1,
        source_timeout_s=60.0,
    )
    with started(plan) as engine:
        threading.Thread(target=tell, args=(engine, links[0]), daemon=True).start()
        engine.run()


def tell(engine, link):
    while engine.status().state is not State.READY:
        time.sleep(POLL_S)
    print(link.port, flush=True)
    sys.stdin.read()
    engine.stop()


main()
