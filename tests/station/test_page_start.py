"""What a page needs to start: TLS and tokens for other computers, a free port, a certificate, its libraries."""

import contextlib
import datetime
import http.client
import json
import socket
import ssl
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from goodpart import MissingExtraError, UsageError
from goodpart_station.page.around import Around
from goodpart_station.page.live import Live
from goodpart_station.page.make import make_page
from goodpart_station.page.options import PageTable
from goodpart_station.settings import Endpoint
from goodpart_station.tokens import Role
from page_station import ANY_PORT, WAIT_S, NotedLine, OneShop, Station
from small_answers import BOOT


def self_signed(folder):
    """A certificate for localhost and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    paths = folder / "page.pem", folder / "page.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(*plain))
    return paths


def test_other_computers_need_tokens(tmp_path):
    certificate, key = self_signed(tmp_path)
    config = PageTable(listen=Endpoint("10.0.0.1", 443), certificate=certificate, key=key)
    with pytest.raises(UsageError, match="goodpart-station token add"):
        Station(tmp_path, config=config, roles=()).__enter__()


def test_other_computers_need_tls():
    with pytest.raises(UsageError, match="listen: expected certificate and key"):
        PageTable(listen=Endpoint("10.0.0.1", 443))


def test_a_port_that_is_taken_is_a_start_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = PageTable(listen=Endpoint("127.0.0.1", taken.getsockname()[1]))
        with pytest.raises(UsageError, match=r"found 127\.0\.0\.1:.* already in use"):
            Station(tmp_path, config=config).__enter__()


def test_a_certificate_that_is_none_is_a_start_error(tmp_path):
    (tmp_path / "a.pem").write_text("nothing")
    config = PageTable(listen=ANY_PORT, certificate=tmp_path / "a.pem", key=tmp_path / "a.pem")
    with pytest.raises(UsageError, match="certificate and key: expected PEM files"):
        Station(tmp_path, config=config).__enter__()


def test_https_makes_the_cookie_secure(tmp_path):
    certificate, key = self_signed(tmp_path)
    config = PageTable(listen=ANY_PORT, certificate=certificate, key=key)
    with Station(tmp_path, config=config) as station:
        trusting = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("localhost", station.page.port, timeout=WAIT_S, context=trusting)
        sent = {"X-Goodpart": "1", "Content-Type": "application/json"}
        connection.request("POST", "/login", json.dumps({"token": station.tokens[Role.VIEWER]}), sent)
        answer = connection.getresponse()
        assert answer.status == 200 and "Secure" in answer.headers["set-cookie"]
        connection.close()


def test_connections_that_never_shake_hands_for_tls_count_too(tmp_path, monkeypatch):
    monkeypatch.setattr("goodpart_station.page.server.MOST_CONNECTIONS", 3)
    certificate, key = self_signed(tmp_path)
    config = PageTable(listen=ANY_PORT, certificate=certificate, key=key)
    with Station(tmp_path, config=config) as station, contextlib.ExitStack() as clients:
        place = "127.0.0.1", station.page.port
        for _ in range(3):
            clients.enter_context(socket.create_connection(place, timeout=WAIT_S))
        further = clients.enter_context(socket.create_connection(place, timeout=WAIT_S))
        with contextlib.suppress(ConnectionResetError):
            assert further.recv(1) == b""


def test_a_missing_library_is_a_start_error_with_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "goodpart_station.page.server", None)
    with pytest.raises(MissingExtraError, match=r"station\[web\]"):
        make_page(
            PageTable(),
            Around(station="line1", boot=BOOT, data=tmp_path, line=NotedLine(), live=Live(), products=OneShop(None)),
        )
