"""The page of an assembled station: the file's table, real parts, commands that reach the conductor, and the end."""

import contextlib
import dataclasses
import http.client
import json
import threading

import pytest

from goodpart._host.opencv import load_opencv
from goodpart_station.codes import Bits, State
from goodpart_station.config.config import read_config
from goodpart_station.running import started
from goodpart_station.station import plan_of
from goodpart_station.tokens import TOKENS_NAME, Role, TokenFile
from page_station import ANY_PORT, WAIT_S
from small_frames import draw_defect, draw_small
from station_parts import small_store, until

FILE = """
[station]
name = "line1"
data = "data"
deadline_ms = 60000
start_product = 1

[[product]]
number = 1
name = "bar"
store = "bar"

[[product]]
number = 2
name = "other"
store = "other"

[source]
kind = "replay"
path = "frames"
rate = 50

[page]
threshold_range = [-100, 100]

[ring]
max_bytes = "20 MB"
random_rate = 1.0

[drift]
"""


class Client:
    """A browser at the page of a running station."""

    def __init__(self, port, token):
        self._port, self._headers = port, {"Authorization": f"Bearer {token}", "X-Goodpart": "1"}

    def ask(self, path, post=None):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=WAIT_S)
        connection.request("GET" if post is None else "POST", path, json.dumps(post), self._headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def watch(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=WAIT_S)
        connection.request("GET", "/events", headers=self._headers)
        return connection, connection.getresponse()

    def until(self, holds):
        """The first state for which something holds."""
        connection, answer = self.watch()
        try:
            while line := answer.readline():
                if line.startswith(b"data: ") and holds(found := json.loads(line[6:])):
                    return found
            raise EOFError
        finally:
            answer.close()
            connection.close()


@contextlib.contextmanager
def running(tmp_path):
    """A station that replays two images: somebody at its page, and its engine."""
    cv2 = load_opencv("a test")
    (tmp_path / "frames").mkdir()
    for name, frame in (("good", draw_small(1)), ("defect", draw_defect(2))):
        cv2.imwrite(str(tmp_path / "frames" / f"{name}.png"), frame[:, :, ::-1])
    for store in ("bar", "other"):
        small_store(tmp_path / "data" / "stores" / store)
    token = TokenFile(tmp_path / "data" / TOKENS_NAME).add("anna", Role.ENGINEER)
    config = read_config(tmp_path / "station.toml", FILE)
    # of the file no port 0 is taken
    config = dataclasses.replace(config, page=dataclasses.replace(config.page, listen=ANY_PORT))
    links = []
    plan = plan_of(config)
    plugs = plan.plugs

    def noted(engine):
        found = plugs(engine)
        links.extend(found.links)
        return found

    with started(dataclasses.replace(plan, plugs=noted)) as engine:
        judging = threading.Thread(target=engine.run)
        judging.start()
        try:
            until(lambda: engine.status().state in (State.READY, State.BUSY))
            yield Client(links[0].port, token), engine
        finally:
            engine.stop()
            judging.join(WAIT_S)


def test_a_station_shows_its_parts_and_does_as_it_is_told(tmp_path):
    with running(tmp_path) as (client, engine):
        state = client.until(lambda found: len(found["recent"]) > 3 and found["part"]["judged"])
        assert state["station"] == "line1" and state["part"]["verdict"] == "SIMULATED"
        assert "SIMULATION" in [note["bit"] for note in state["notes"]]
        assert state["drift"]["phase"] == "LEARNING"
        assert client.ask(f"/frame/{state['part']['seq']}.jpg?heat=1")[1].startswith(b"\xff\xd8")
        status, text = client.ask("/metrics")
        assert status == 200 and b'goodpart_parts_total{product="bar",verdict="SIMULATED"}' in text
        # the ring writes in a thread of its own
        until(lambda: json.loads(client.ask("/parts")[1])["parts"])
        assert json.loads(client.ask("/parts")[1])["parts"][0]["kept_for"] == "random"

        shown = json.loads(client.ask("/threshold")[1])
        assert client.ask("/threshold", {"value": shown["limits"][0], "bundle": shown["bundle"]})[0] == 200
        # the next part is judged by it, the page says so, and the PLC's bit as well
        client.until(lambda found: found["part"].get("threshold") == pytest.approx(shown["limits"][0], abs=0.01))
        until(lambda: Bits.THRESHOLD_CHANGED in engine.status().bits)

        assert client.ask("/halt", {})[0] == 200
        assert client.until(lambda found: found["state"] == "HALTED")["do"].startswith("Press Reset")
        assert client.ask("/readyz")[0] == 503
        assert client.ask("/reset", {})[0] == 200
        client.until(lambda found: found["judges"])
        assert client.ask("/product", {"number": 2})[0] == 200
        client.until(lambda found: found["judges"] and found["product"]["name"] == "other")


def test_a_station_ends_though_somebody_looks_and_somebody_hangs(tmp_path):
    with running(tmp_path) as (client, _):
        (looking, answer), (hanging, unread) = client.watch(), client.watch()
        while not answer.readline().startswith(b"data: "):
            pass
    # the page has closed both
    with contextlib.suppress(ConnectionResetError, http.client.IncompleteRead):
        answer.read()
    for each in (answer, unread, looking, hanging):
        each.close()
