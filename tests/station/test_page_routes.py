"""Routes: who may use them, what every answer carries, and which requests are refused."""

import asyncio
import http.client

import pytest
from starlette.routing import Route

from goodpart_station.codes import Command, Reason, State
from goodpart_station.page import server
from goodpart_station.page.options import PageTable
from goodpart_station.settings import Endpoint
from goodpart_station.tokens import Role
from page_station import ANY_PORT, WAIT_S, Station
from small_answers import BOOT, good, refused, reject

V, O, E = Role  # noqa: E741

NEEDED = {
    ("GET", "/"): None, ("GET", "/page.js"): None, ("GET", "/page.css"): None, ("GET", "/favicon.ico"): None,
    ("POST", "/login"): None, ("POST", "/logout"): None,
    ("GET", "/healthz"): None, ("GET", "/readyz"): None, ("GET", "/metrics"): None,
    ("GET", "/me"): V, ("GET", "/events"): V, ("GET", "/frame/{seq:int}.jpg"): V, ("GET", "/parts"): V,
    ("GET", "/trend"): V,
    ("POST", "/label"): O, ("POST", "/product"): O, ("POST", "/halt"): O, ("POST", "/reset"): O, ("POST", "/resync"): O,
    ("GET", "/threshold"): E, ("POST", "/threshold"): E, ("POST", "/drift"): E,
}  # fmt: skip
"""Every route, and the least role on a page that only this PC reaches."""


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    with Station(tmp_path_factory.mktemp("page")) as made:
        made.put(good(1), reject(2), refused(3))
        yield made


@pytest.fixture(autouse=True)
def rested(station):
    station.page._gate._tries.clear()
    station.line.commands.clear()
    station.line.answer = Reason.NONE


def routes(station):
    found = station.page._app.application._app.routes
    assert all(isinstance(route, Route) for route in found)
    return {(method, route.path) for route in found for method in route.methods if method != "HEAD"}


def test_the_table_knows_every_route(station):
    assert routes(station) == set(NEEDED)


@pytest.mark.parametrize(("method", "path"), [way for way, needed in NEEDED.items() if needed is not None])
def test_every_route_refuses_without_its_role(station, method, path):
    post, path = {} if method == "POST" else None, path.replace("{seq:int}", "1")
    assert station.ask(path, post=post)[0] == 401
    assert station.ask(path, post=post, token="wrong")[0] == 401
    for role in Role:
        if not role.may(NEEDED[method, path.replace("/1.", "/{seq:int}.")]):
            status, found, _ = station.ask(path, post=post, role=role)
            assert status == 403 and "expected" in found["error"]
    assert station.line.commands == []


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_other_computers_need_a_token_for_health_and_metrics(tmp_path, path):
    with Station(tmp_path) as station:
        exposed = PageTable(listen=Endpoint("10.0.0.1", 443), certificate=tmp_path / "a.pem", key=tmp_path / "a.key")
        app = server.App(exposed, station.around, station.page._gate, station.page._trend, station.page._newest)
        (route,) = (route for route in app.application._app.routes if route.path == path)
        asked = type("Asked", (), {"method": "GET", "headers": {}, "cookies": {}, "client": None})()
        assert station.do(route.endpoint(asked)).status_code == 401
        app.close()


@pytest.mark.parametrize("path", [path for method, path in NEEDED if method == "POST"])
def test_a_post_of_another_site_is_refused(station, path):
    # a form of another site can send a cookie at most, and no header of its own
    connection = http.client.HTTPConnection("127.0.0.1", station.page.port, timeout=WAIT_S)
    connection.request("POST", path, b"{}", {"Cookie": f"goodpart={station.tokens[E]}", "Content-Type": "text/plain"})
    answer = connection.getresponse()
    assert answer.status == 403 and b"X-Goodpart" in answer.read()
    connection.close()
    assert station.line.commands == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.evil"])
def test_a_foreign_name_is_refused(station, host):
    status, found, headers = station.ask("/healthz", headers={"Host": host})
    assert status == 421 and "host: expected" in found["error"]
    assert "content-security-policy" in headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:80", "192.168.1.5:8080"])
def test_addresses_and_localhost_are_let_through(station, host):
    assert station.ask("/healthz", headers={"Host": host})[0] == 200


def test_a_name_of_the_station_is_let_through(tmp_path):
    with Station(tmp_path, config=PageTable(listen=ANY_PORT, names=("Line1.example",))) as station:
        assert station.ask("/healthz", headers={"Host": "line1.example:80"})[0] == 200


def test_every_answer_forbids_other_hosts_and_frames(station):
    for path in ("/", "/page.js", "/healthz", "/me", "/nothing", "/frame/1.jpg"):
        headers = station.ask(path, role=V)[2]
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_login_sets_a_cookie_that_scripts_and_other_sites_do_not_get(station):
    status, found, headers = station.ask("/login", post={"token": f" {station.tokens[O]}\n"})
    assert (status, found["role"]) == (200, "operator")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Secure" not in cookie
    shown = {"Cookie": cookie.partition(";")[0]}
    assert station.ask("/me", headers=shown)[1]["name"] == "operator"
    assert station.ask("/halt", headers=shown, post={})[0] == 200
    assert station.line.commands == [(Command.HALT, 0, "operator")]
    assert 'goodpart=""' in station.ask("/logout", post={})[2]["set-cookie"]


def test_a_wrong_cookie_is_taken_away(station):
    status, _, headers = station.ask("/me", headers={"Cookie": "goodpart=wrong"})
    assert status == 401 and "Max-Age=0" in headers["set-cookie"]


def test_five_wrong_tokens_close_the_door_for_a_minute(station):
    statuses = [station.ask("/login", post={"token": "wrong"})[0] for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert station.ask("/login", post={"token": station.tokens[V]})[0] == 429
    assert station.ask("/me", role=V)[0] == 429


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/label", b"", 400),
        ("/label", b"[]", 400),
        ("/label", b"\xff", 400),
        ("/label", {"boot": BOOT, "seq": 2}, 400),
        ("/label", {"boot": BOOT, "seq": True, "label": "good"}, 400),
        ("/label", {"boot": BOOT, "seq": 2, "label": "good", "more": 1}, 400),
        ("/label", {"boot": BOOT, "seq": 2, "label": "bad"}, 409),
        ("/label", {"boot": BOOT, "seq": 99, "label": "good"}, 409),
        ("/label", {"boot": BOOT, "seq": 1 << 70, "label": "good"}, 409),
        ("/label", {"boot": "x" * 5000, "seq": 2, "label": "good"}, 400),
        ("/product", {"number": 7}, 409),
        ("/product", {"number": "1"}, 400),
        ("/halt", {"now": 1}, 400),
        ("/threshold", {"value": "4", "bundle": ""}, 400),
        ("/threshold", {"value": 4.0, "bundle": ""}, 409),
        ("/drift", {"do": "acknowledge"}, 409),
        ("/login", {"token": 5}, 400),
    ],
)
def test_what_a_post_cannot_be(station, path, body, status):
    found = station.ask(path, role=E, post=body)
    assert found[0] == status and "expected" in found[1]["error"]
    assert station.line.commands == []


@pytest.mark.parametrize(
    "path",
    [
        "/trend?hours=x",
        "/trend?hours=nan",
        "/trend?hours=0",
        "/trend?hours=1e9",
        "/trend?hours=inf",
        "/parts?before=1e300",
    ],
)
def test_what_a_number_cannot_be(station, path):
    assert station.ask(path, role=V)[0] == 400


def test_pictures_that_are_not_there(station):
    for path in ("/frame/99.jpg", "/frame/2.jpg?boot=other", f"/frame/{1 << 70}.jpg", f"/frame/{1 << 70}.jpg?boot=a"):
        assert station.ask(path, role=V)[0] == 404


def test_operators_label_kept_frames(station):
    for label in ("defect", "good", None):
        assert station.ask("/label", role=O, post={"boot": BOOT, "seq": 2, "label": label})[0] == 200
        (frame,) = (each for each in station.ask("/parts", role=V)[1]["parts"] if each["seq"] == 2)
        assert frame["label"] == label
        assert frame["label_by"] == (None if label is None else "operator")
    assert [part["seq"] for part in station.ask("/parts", role=V)[1]["parts"]] == [3, 2, 1]
    last = station.ask("/parts", role=V)[1]["parts"][0]["id"]
    assert [part["seq"] for part in station.ask(f"/parts?before={last}", role=V)[1]["parts"]] == [2, 1]


def test_commands_reach_the_line_with_a_name_and_are_audited(station):
    for path, body in (("/halt", {}), ("/reset", {}), ("/resync", {}), ("/product", {"number": 2})):
        assert station.ask(path, role=O, post=body)[0] == 200
    assert station.line.commands == [
        (Command.HALT, 0, "operator"),
        (Command.RESET, 0, "operator"),
        (Command.RESYNC, 0, "operator"),
        (Command.PREPARE, 2, "operator"),
    ]
    notes = [(note.who, note.what, note.after) for note in station.ring.frames.audits(count=4)]
    assert {who for who, _, _ in notes} == {"operator"}
    assert [note[1:] for note in notes] == [("prepare", "2"), ("resync", None), ("reset", None), ("halt", None)]


def test_a_command_that_the_line_refuses_says_why(station):
    station.line.answer = Reason.NOT_READY
    status, found, _ = station.ask("/resync", role=O, post={})
    assert status == 409 and "present state" in found["error"]


@pytest.mark.parametrize("state", State)
def test_ready_says_whether_parts_are_judged(station, state):
    station.says(state=state)
    status, text, _ = station.ask("/readyz")
    station.says(state=State.READY)
    assert text.decode().strip() == state.name
    assert status == (200 if state in (State.READY, State.BUSY) else 503)


def test_metrics_are_what_the_station_counts(tmp_path, station):
    assert station.ask("/metrics")[0] == 404
    with Station(tmp_path, metrics=lambda: b"goodpart_state 2\n") as counting:
        assert counting.ask("/metrics")[1] == b"goodpart_state 2\n"


def test_metrics_are_not_counted_in_the_loop(tmp_path):
    """The loop answers the PLC meanwhile."""

    def counted():
        # the loop takes up other work while this goes on
        counting.do(asyncio.sleep(0))
        return b"goodpart_state 2\n"

    with Station(tmp_path, metrics=counted) as counting:
        assert counting.ask("/metrics")[1] == b"goodpart_state 2\n"


def test_a_station_without_ring_has_no_labels(tmp_path):
    with Station(tmp_path, ring=None) as station:
        station.put(reject(1))
        assert station.ask("/parts", role=V)[1] == {"parts": None}
        status, found, _ = station.ask("/label", role=O, post={"boot": BOOT, "seq": 1, "label": "good"})
        assert status == 409 and "[ring]" in found["error"]


def test_a_page_without_tokens_on_this_pc_only_shows(tmp_path):
    with Station(tmp_path, roles=()) as station:
        assert station.ask("/me")[1] == {"name": "this PC", "role": "viewer", "with_token": False}
        assert station.ask("/parts")[0] == 200
        for path in ("/halt", "/label", "/threshold"):
            assert station.ask(path, post={})[0] == 403
        assert station.line.commands == []
