"""What strangers send to the page, and connections that never get to the point."""

import contextlib
import socket

import pytest

from goodpart_station.page.options import PageTable
from goodpart_station.page.server import _listen
from goodpart_station.tokens import Role
from page_station import ANY_PORT, WAIT_S, Station


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    with Station(tmp_path_factory.mktemp("hostile")) as station:
        yield station


@pytest.mark.parametrize(
    ("path", "role", "body", "status"),
    [
        ("/login", None, b"[" * 4000, 400),
        ("/label", Role.OPERATOR, b'{"boot": "\\ud800", "seq": 1, "label": "good"}', 400),
        ("/threshold", Role.ENGINEER, b'{"value": 1' + b"0" * 400 + b', "bundle": ""}', 409),
        ("/frame/" + "9" * 5000 + ".jpg", Role.VIEWER, None, 414),
        ("/frame/" + "9" * 5000 + ".jpg", None, None, 414),
    ],
)
def test_nothing_that_is_sent_is_an_error_of_the_station(station, path, role, body, status, caplog):
    headers = {"X-Goodpart": "1"}
    assert station.ask(path, role=role, post=body, headers=headers)[0] == status
    assert not caplog.records


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(b"G", id="half a second request"),
        pytest.param(
            b"POST /login HTTP/1.1\r\nHost: localhost\r\nX-Goodpart: 1\r\nContent-Length: 9\r\n\r\n{", id="body"
        ),
    ],
)
def test_who_never_ends_a_request_is_cut_off(tmp_path, monkeypatch, rest):
    monkeypatch.setattr("goodpart_station.page.server._REQUEST_WITHIN_S", 0.05)
    monkeypatch.setattr("goodpart_station.page.shield._BODY_WITHIN_S", 0.01)
    with Station(tmp_path) as station:
        place = "127.0.0.1", station.page.port
        with socket.create_connection(place, timeout=WAIT_S) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.recv(4096)
            client.sendall(rest)
            with contextlib.suppress(ConnectionResetError):
                while client.recv(4096):
                    pass


def test_the_system_gives_up_a_client_that_reads_nothing():
    with (
        _listen(PageTable(listen=ANY_PORT)) as listening,
        socket.create_connection(listening.getsockname(), timeout=WAIT_S),
        listening.accept()[0] as accepted,
    ):
        assert 0 < accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60_000
