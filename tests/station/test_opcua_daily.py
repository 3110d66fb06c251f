"""What an OPC UA server says while it runs for years, and links that the station's user puts before root."""

import asyncio
import datetime
import os
import types

import pytest

from goodpart import UsageError
from goodpart_station.opcua.access import Access
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.options import OpcuaTable, application_uri
from goodpart_station.opcua.trust import TrustList
from goodpart_station.settings import Endpoint
from small_opcua import Quiet, write_identity

_DAY = datetime.timedelta(days=1)
_SERVER = types.SimpleNamespace(bserver=types.SimpleNamespace(look_again=lambda fault: None))


def test_the_end_of_the_own_certificate_is_told_each_day(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("goodpart_station.opcua.certificates.KEY_BITS", 1024)
    begun = datetime.datetime.now(datetime.timezone.utc) - (5 * 365 - 40) * _DAY
    own = write_identity(tmp_path, "own", application_uri("line1"), now=begun)
    now = [0.0]
    access = Access(
        OpcuaTable(listen=Endpoint("127.0.0.1", 4840), certificate=own.certificate, key=own.key),
        Around(station="line1", boot="", data=tmp_path, line=Quiet(), products=None, store_of=None, takes_jobs=True),
        clock=lambda: now[0],
    )
    for at_s, told in ((0.0, 1), (1.0, 1), (86399.0, 1), (86400.0, 2), (86401.0, 2), (2 * 86400.0, 3)):
        now[0] = at_s
        asyncio.run(access.refresh(_SERVER))
        assert caplog.text.count("certificate: ends in 39 days") == told


def owners(folder):
    """Whose each file below a folder is."""
    return {path: (path.lstat().st_uid, path.lstat().st_gid) for path in folder.rglob("*")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("planted", ["opcua", "opcua/trusted", "opcua/rejected"])
def test_root_follows_no_link_in_the_trust_list(tmp_path, planted):
    other = write_identity(tmp_path, "other", "urn:other")
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    trust = TrustList(data)
    trust.meet(other.der)
    trust.refresh()
    (data / "opcua" / "trusted").mkdir()
    (data / planted).rename(elsewhere)
    (data / planted).symlink_to(elsewhere)
    os.chown(data, 1234, 1235)
    before = owners(tmp_path)
    with pytest.raises(UsageError, match=f"{planted}: expected a folder, found a link, which root does not follow"):
        trust.trust(other.fingerprint)
    with pytest.raises(UsageError, match="which root does not follow"):
        trust.meet(write_identity(tmp_path.parent, "third", "urn:third").der)
        trust.refresh()
    assert owners(tmp_path) == before
