"""What people are told about OPC UA certificates and users: on the command line, by `check` and in the log."""

import datetime
import json

import pytest

from goodpart_station import check as checks
from goodpart_station.cli.main import main
from goodpart_station.opcua.access import Access
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.options import OpcuaTable
from goodpart_station.opcua.trust import TrustList
from goodpart_station.running import held_alone
from goodpart_station.tokens import Role
from small_opcua import Place, serving, write_identity

_YEARS_AGO = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=6 * 365)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "frames").mkdir()
    return Place(tmp_path)


@pytest.fixture
def checked(place, monkeypatch, capsys):
    """What `check` says of the server. Products are not tried."""
    monkeypatch.setattr(checks, "_product", lambda plan, product: iter(()))

    def check():
        main(["check", str(place.folder / "line.toml"), "--json"])
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [(one["passed"], one["warns"], one["detail"]) for one in found if one["check"] == "[plc.opcua]"]

    return check


def test_a_certificate_that_is_replaced_asks_for_a_restart(place, capsys):
    file = str(place.folder / "line.toml")
    assert main(["opcua", "certificate", file, "--force"]) == 0
    assert "restart the station" in capsys.readouterr().out
    place.own.certificate.unlink()
    place.own.key.unlink()
    assert main(["opcua", "certificate", file]) == 0
    assert "restart" not in capsys.readouterr().out


def test_check_says_that_a_station_serves_another_certificate(place, checked):
    with held_alone(place.data):
        ((_, warns, detail),) = checked()
        assert warns and "no OPC UA server answers" in detail
        with serving(place):
            assert checked() == []
            write_identity(place.folder, "own", place.own.uri)
            ((passed, warns, detail),) = checked()
    assert (passed, warns) == (True, True) and detail.endswith("restart the station")


@pytest.mark.parametrize(("takes_jobs", "warnings"), [(True, 1), (False, 0)])
def test_a_server_whose_clients_cannot_announce_a_part_warns(place, takes_jobs, warnings):
    around = Around(
        station="line1", boot="b", data=place.data, line=None, products=None, store_of=None, takes_jobs=takes_jobs
    )
    access = Access(OpcuaTable(), around)
    assert access.warnings() == []
    for role in (Role.OPERATOR, Role.ENGINEER):
        place.tokens.remove(role.value)
    found = access.warnings()
    assert len(found) == warnings and all("no token has the role operator or engineer" in each for each in found)


def test_a_stranger_whose_certificate_has_ended_is_not_offered_for_trust(place, caplog, capsys):
    ended = write_identity(place.folder, "ended", "urn:ended", now=_YEARS_AGO)
    trust = TrustList(place.data)
    trust.meet(ended.der)
    trust.refresh()
    (line,) = [each.getMessage() for each in caplog.records]
    assert "ended on" in line and "CN=goodpart ended" in line and "if it is yours" not in line
    assert main(["opcua", "clients", str(place.folder / "line.toml")]) == 0
    shown = {line.split()[1]: "(ended)" in line for line in capsys.readouterr().out.splitlines()}
    assert shown == {ended.fingerprint: True, place.client.fingerprint: False}


def test_a_fingerprint_that_looks_like_sha1_is_told_so(place, capsys):
    sha1 = ":".join(["AB"] * 20)
    assert main(["opcua", "trust", str(place.folder / "line.toml"), sha1]) == 2
    assert "found 40 digits, which looks like SHA-1" in capsys.readouterr().err
