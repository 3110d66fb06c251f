"""The real station in a process of its own, for OPC UA peers: a bundle judges what a camera in memory gives.

    python opcua_station.py BUNDLE FOLDER

FOLDER holds line.toml. It prints a JSON line when the station is READY, and one for each line on stdin: what the server
holds. It ends when stdin does. Every third part is a defect: its frame is the bundle's golden frame 1,
that of the others golden frame 0.
"""

import dataclasses
import gc
import json
import logging
import operator
import os
import sys
import threading
import time
from pathlib import Path

from golden_camera import GoldenCamera
from goodpart import Store
from goodpart_station.codes import State
from goodpart_station.config.config import read_config
from goodpart_station.opcua.sessions import StationServer
from goodpart_station.running import started
from goodpart_station.sources.source import POLL_S
from goodpart_station.station import plan_of


def main():
    bundle, folder = Path(sys.argv[1]), Path(sys.argv[2])
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    config = read_config(folder / "line.toml", with_source=False)
    store = Store(config.store_of(config.products[0]))
    if not store.bundles():
        store.activate(store.add(bundle).digest)
    camera = GoldenCamera(bundle, operator.attrgetter("seq"))
    with started(dataclasses.replace(plan_of(config), source=lambda wanted: camera)) as engine:
        threading.Thread(target=tell, args=(engine,), daemon=True).start()
        engine.run()


def tell(engine):
    while engine.status().state is not State.READY:
        time.sleep(POLL_S)
    print(json.dumps({"state": "READY"}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(held()), flush=True)
    engine.stop()


def held():
    """What the server holds, and what the process does."""
    gc.collect()
    iserver = next(each for each in gc.get_objects() if isinstance(each, StationServer))
    pages = Path("/proc/self/statm").read_text().split()
    return {
        "sessions": len(iserver.sessions),
        "subscriptions": len(iserver.subscription_service.subscriptions),
        "connections": len(iserver.asyncio_transports),
        "callbacks": len(iserver.aspace._handle_to_attribute_map),
        "handles": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "mb": round(int(pages[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 2),
        "cpu_s": round(time.process_time(), 2),
    }


if __name__ == "__main__":
    main()
