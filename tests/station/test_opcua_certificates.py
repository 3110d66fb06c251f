"""The server's certificate, the trust list's folders, and the commands that make and move them."""

import datetime
import json
import os
import re
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from goodpart import UsageError
from goodpart_station.cli.main import main
from goodpart_station.gate import Gate
from goodpart_station.links.clients import Journal
from goodpart_station.opcua.certificates import faults, make_identity, parsed, read_identity, warning
from goodpart_station.opcua.options import OpcuaTable, application_uri
from goodpart_station.opcua.trust import CERTIFICATE_BYTES_MOST, REJECTED_MOST, TrustList
from goodpart_station.opcua.users import Users
from goodpart_station.settings import Endpoint
from goodpart_station.tokens import TOKENS_NAME
from small_opcua import FILE, write_identity

_URI = "urn:pc:goodpart:line1"

_NOW = datetime.datetime.now(datetime.timezone.utc)

_DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("identities")


@pytest.fixture(scope="module")
def own(folder):
    return write_identity(folder, "own", _URI)


@pytest.fixture(scope="module")
def other(folder):
    return write_identity(folder, "other", "urn:other")


def test_a_certificate_states_what_opc_ua_demands(own):
    made = parsed(own.certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [_URI]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert len(names.get_values_for_type(x509.DNSName)) == 1
    usage = made.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and usage.content_commitment
    assert usage.key_encipherment and usage.data_encipherment
    extended = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.SERVER_AUTH in extended
    assert isinstance(made.public_key(), rsa.RSAPublicKey) and made.public_key().key_size >= 2048
    assert made.not_valid_before_utc < _NOW < made.not_valid_after_utc
    assert (list(faults(made, uri=_URI, host="127.0.0.1")), warning(made)) == ([], None)


@pytest.mark.parametrize(
    ("begun", "uri", "host", "expected"),
    [
        (_NOW - 2000 * _DAY, _URI, "127.0.0.1", "expected one that is valid today, found one that ended on 20"),
        (_NOW + 5 * _DAY, _URI, "127.0.0.1", "expected one that is valid today, found one from 20.* on; set the clock"),
        (_NOW, "urn:else", "127.0.0.1", f"expected the application URI urn:else, found {_URI}; make another"),
        (_NOW, _URI, "192.168.10.2", "expected the address 192.168.10.2, found 127.0.0.1; clients may refuse it"),
    ],
)
def test_what_clients_would_not_accept_is_one_line(begun, uri, host, expected, monkeypatch):
    # a small key is made sooner, and nobody looks at it here
    monkeypatch.setattr("goodpart_station.opcua.certificates.KEY_BITS", 1024)
    made = make_identity(_URI, station="line1", host="127.0.0.1", now=begun).certificate
    [found] = faults(made, uri=uri, host=host)
    assert re.search(expected, found) and "\n" not in found


def test_a_certificate_that_ends_soon_is_told(monkeypatch):
    monkeypatch.setattr("goodpart_station.opcua.certificates.KEY_BITS", 1024)
    made = make_identity(_URI, station="line1", host="127.0.0.1", now=_NOW - (5 * 365 - 40) * _DAY).certificate
    assert warning(made).startswith("certificate: ends in 39 days, on 20")
    assert not list(faults(made, uri=_URI, host="127.0.0.1"))


def test_certificate_and_key_are_read_as_pem_and_as_der(own, tmp_path):
    (tmp_path / "own.der").write_bytes(own.der)
    read = read_identity(tmp_path / "own.der", own.key)
    assert read.certificate == read_identity(own.certificate, own.key).certificate


@pytest.mark.parametrize(
    ("certificate", "key", "mode", "expected"),
    [
        ("own.pem", "other-key.pem", 0o600, r"\[plc.opcua\] key: expected the key of the certificate .*own.pem, found"),
        ("none.pem", "own-key.pem", 0o600, r"\[plc.opcua\] certificate: expected a file at .*, found none \(No such"),
        ("own-key.pem", "own-key.pem", 0o600, r"certificate: expected a certificate as PEM or DER, found something"),
        ("own.pem", "own.pem", 0o600, r"key: expected an RSA key as PEM or DER, without a password, found something"),
        ("own.pem", "own-key.pem", 0o640, r"key: expected a file that only its owner can read, found mode 0640"),
    ],
)
def test_files_that_cannot_be_used_are_refused(folder, own, other, certificate, key, mode, expected):
    before = stat.S_IMODE((folder / key).stat().st_mode)
    (folder / key).chmod(mode)
    with pytest.raises(UsageError, match=expected):
        read_identity(folder / certificate, folder / key)
    (folder / key).chmod(before)


def test_a_stranger_is_kept_and_trusted_and_distrusted(other, tmp_path):
    trust = TrustList(tmp_path)
    trust.refresh()
    assert list(trust.clients()) == []
    trust.meet(other.der)
    trust.refresh()
    [found] = trust.clients()
    assert (found.fingerprint, found.trusted, found.uri) == (other.fingerprint, False, "urn:other")
    assert not trust.trusts(other.fingerprint)
    assert trust.trust(":".join([other.fingerprint[:2].upper(), other.fingerprint[2:8]])).trusted
    assert not trust.trusts(other.fingerprint)
    trust.refresh()
    assert trust.trusts(other.fingerprint)
    # met again, it stays trusted
    trust.meet(other.der)
    trust.refresh()
    assert [each.trusted for each in trust.clients()] == [True]
    assert not trust.distrust(other.fingerprint).trusted
    trust.refresh()
    assert not trust.trusts(other.fingerprint)


def test_a_person_may_put_a_certificate_there_under_any_name(other, tmp_path):
    trusted = tmp_path / "opcua" / "trusted"
    trusted.mkdir(parents=True)
    (trusted / "scada of hall 3.crt").write_bytes(other.certificate.read_bytes())
    (trusted / "notes.txt").write_text("no certificate")
    (trusted / f"{'0' * 64}.der").symlink_to(other.certificate)
    trust = TrustList(tmp_path)
    trust.refresh()
    assert trust.trusts(other.fingerprint) and not trust.trusts("0" * 64)
    assert [each.trusted for each in trust.clients()] == [True]
    (trusted / "scada of hall 3.crt").unlink()
    trust.refresh()
    assert not trust.trusts(other.fingerprint)


@pytest.mark.parametrize(("beginning", "found"), [("", "none"), ("abc", "none"), ("../../x", "none"), ("0", "2")])
def test_a_fingerprint_must_mean_one_certificate(tmp_path, beginning, found, monkeypatch):
    trust = TrustList(tmp_path)
    monkeypatch.setattr(
        "goodpart_station.opcua.trust._files", lambda folder: {f"0{each}" * 32: (None, None) for each in "12"}
    )
    with pytest.raises(UsageError, match=rf"certificate that is rejected, found {found}; goodpart-station opcua"):
        trust.trust(beginning)


def test_a_flood_of_strangers_fills_nothing(own, tmp_path, monkeypatch):
    """Their bytes are no certificates, too long, too many at once, and too many in all."""
    trust = TrustList(tmp_path)
    trust.meet(b"\x30\x82no certificate")
    trust.meet(own.der + bytes(CERTIFICATE_BYTES_MOST))
    trust.refresh()
    assert list((tmp_path).rglob("*.der")) == []
    monkeypatch.setattr("goodpart_station.opcua.trust.parsed", lambda data: parsed(own.der))
    for index in range(REJECTED_MOST + 8):
        for more in range(20):
            trust.meet(b"%d.%d" % (index, more))
        trust.refresh()
    files = list((tmp_path / "opcua" / "rejected").iterdir())
    assert len(files) == REJECTED_MOST
    # the newest of them stay
    newest = max(files, key=lambda each: each.stat().st_mtime_ns)
    assert newest.read_bytes().startswith(b"%d." % (REJECTED_MOST + 7))


def test_folders_that_cannot_be_read_trust_nobody(other, tmp_path, monkeypatch):
    trusted = tmp_path / "opcua" / "trusted"
    trusted.mkdir(parents=True)
    (trusted / "other.pem").write_bytes(other.certificate.read_bytes())
    trust = TrustList(tmp_path)
    trust.refresh()
    assert trust.trusts(other.fingerprint)

    def breaks(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", breaks)
    with pytest.raises(UsageError, match=r"opcua: expected a folder that can be read and written, found none \(Perm"):
        trust.refresh()
    assert not trust.trusts(other.fingerprint)


def test_other_computers_reach_nothing_without_tokens(own, tmp_path):
    table = OpcuaTable(listen=Endpoint("192.168.10.2", 4840), certificate=own.certificate, key=own.key)
    with pytest.raises(UsageError, match=r"\[plc.opcua\] listen: expected tokens for 192.168.10.2:4840, which other"):
        Users(table, tmp_path, Journal(lambda: 0.0))


def test_this_pc_is_a_viewer_as_long_as_there_are_no_tokens(tmp_path):
    users = Users(OpcuaTable(), tmp_path, Journal(lambda: 0.0))
    assert isinstance(users._gate, Gate)
    local = users.admit(None, None, "127.0.0.1")
    assert local.role.value == "viewer" and users.still(local)
    assert main(["token", "add", "anna", "--role", "viewer", "--data", str(tmp_path)]) == 0
    users.refresh()
    assert users.admit(None, None, "127.0.0.1") is None and not users.still(local)
    (tmp_path / TOKENS_NAME).chmod(0o644)
    with pytest.raises(UsageError, match="only its owner"):
        users.refresh()


def _file(tmp_path):
    (tmp_path / "line.toml").write_text(FILE.format(port=4840))
    (tmp_path / "data").mkdir()
    return str(tmp_path / "line.toml")


def test_the_command_makes_a_certificate_once(tmp_path, capsys):
    file = _file(tmp_path)
    assert main(["opcua", "certificate", file]) == 0
    assert f"{application_uri('line1')} at 127.0.0.1: give the certificate" in capsys.readouterr().out
    key = tmp_path / "own-key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    made = read_identity(tmp_path / "own.pem", key)
    assert not list(faults(made.certificate, uri=application_uri("line1"), host="127.0.0.1"))
    assert main(["opcua", "certificate", file]) == 2
    assert "own.pem: expected no file yet, found one; give --force to replace it" in capsys.readouterr().err
    assert main(["opcua", "certificate", file, "--force"]) == 0
    assert read_identity(tmp_path / "own.pem", key).certificate != made.certificate


def test_the_command_needs_to_know_where(tmp_path, capsys):
    file = _file(tmp_path)
    (tmp_path / "line.toml").write_text(
        FILE.format(port=4840).replace('certificate = "own.pem"\nkey = "own-key.pem"', "")
    )
    assert main(["opcua", "certificate", file]) == 2
    assert "expected certificate and key in [plc.opcua], found none; add both" in capsys.readouterr().err


def test_the_commands_list_and_move_clients(tmp_path, capsys, other):
    file = _file(tmp_path)
    trust = TrustList(tmp_path / "data")
    trust.meet(other.der)
    trust.refresh()
    assert main(["opcua", "clients", file]) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"rejected  {other.fingerprint}  20") and "CN=goodpart other  urn:other" in line
    assert main(["opcua", "trust", file, other.fingerprint[:8]]) == 0
    assert capsys.readouterr().out.startswith(f"trusted   {other.fingerprint}")
    assert main(["opcua", "clients", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trusted"] is True
    assert main(["opcua", "distrust", file, other.fingerprint[:8]]) == 0
    assert capsys.readouterr().out.startswith("rejected")
    assert main(["opcua", "trust", file, "f" * 64]) == 2
    assert "found none; goodpart-station opcua clients lists them" in capsys.readouterr().err
