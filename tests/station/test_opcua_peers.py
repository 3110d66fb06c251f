"""An independent OPC UA client (node-opcua) against the real station in a process of its own."""

import datetime
import json
import os

import pytest

from goodpart_station.tokens import Role
from small_opcua import BUNDLE, Place, node, station, write_identity
from station_parts import until

RECONNECTS = int(os.environ.get("GOODPART_RECONNECTS", "15"))
"""`make opcua` runs 1,000 of each kind."""

EVENTS = int(os.environ.get("GOODPART_EVENTS", "20"))
"""As many there."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("opcua"))


@pytest.fixture(scope="module")
def running(place):
    with station(place) as running:
        yield running


@pytest.fixture(scope="module")
def peer(place, running):
    with node(place.folder) as peer:
        yield peer


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ("Basic256Sha256", "Sign"),
        ("Basic256Sha256", "SignAndEncrypt"),
        ("Aes128_Sha256_RsaOaep", "SignAndEncrypt"),
        ("Aes256_Sha256_RsaPss", "Sign"),
    ],
)
def test_the_right_user_gets_in_over_each_channel(place, peer, policy, mode):
    assert peer.ask(connect=place.login(policy=policy, mode=mode)) == {"ok": True}
    assert peer.ask(read=["i=2259"]) == {"values": ["0"], "codes": ["Good"]}
    assert peer.ask(close=True) == {"ok": True}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"user": "nobody"}, "BadUserAccessDenied"),
        ({"password": "wrong"}, "BadUserAccessDenied"),
        ({"user": None}, "BadUserAccessDenied"),
        ({"mode": "None", "policy": "None"}, "End point must exist"),
    ],
)
def test_others_are_refused(place, peer, changed, expected):
    assert expected in peer.ask(connect=place.login(**changed))["error"]


def test_an_unknown_client_is_refused_and_listed_and_then_trusted(place, peer):
    stranger = write_identity(place.folder, "stranger", "urn:stranger")
    assert "rejected by server" in peer.ask(connect=place.login(files=stranger))["error"]
    until(lambda: stranger.fingerprint in {each.fingerprint for each in place.trust.clients()})
    place.trust.trust(stranger.fingerprint)
    until(lambda: "ok" in peer.ask(connect=place.login(files=stranger)))
    assert peer.ask(close=True) == {"ok": True}


def test_a_trusted_certificate_that_has_ended_is_refused(place, peer):
    now = datetime.datetime.now(datetime.timezone.utc)
    ended = write_identity(place.folder, "ended", "urn:ended", now=now - datetime.timedelta(days=6 * 365))
    place.bring(ended)
    log = place.folder / "log"
    assert "rejected by server" in peer.ask(connect=place.login(files=ended))["error"]
    until(
        lambda: "error" in peer.ask(connect=place.login(files=ended)) and "BadCertificateTimeInvalid" in log.read_text()
    )


def test_each_judged_part_gets_its_own_result_over_an_encrypted_channel(place, peer):
    good, defect, _ = json.loads((BUNDLE / "manifest.json").read_text())["golden"]
    assert peer.ask(connect=place.login()) == {"ok": True}
    counts = peer.ask(jobs=EVENTS, scores={"GOOD": good["score"], "DEFECT": defect["score"]})
    print(f"{EVENTS} jobs: {json.dumps(counts)}")
    verdicts = counts.pop("verdicts")
    assert counts == {"jobs": EVENTS, "missing": 0, "twice": 0, "wrong": [], "nulls": [], "unknown": 0}
    assert verdicts == {"GOOD": EVENTS - EVENTS // 3, "DEFECT": EVENTS // 3}
    assert peer.ask(close=True) == {"ok": True}


@pytest.mark.parametrize("abrupt", [False, True])
def test_clients_that_come_and_go_leave_nothing_behind(place, running, peer, abrupt):
    """Each connects, subscribes, hears something and leaves, with a word or without one."""
    login = place.login(Role.VIEWER)
    assert peer.ask(reconnect=5, **{"as": login}, abrupt=abrupt) == {"errors": 0}
    before = _at_rest(running)
    marks, done = sorted({max(RECONNECTS // 10, 1), RECONNECTS // 2, RECONNECTS}), 0
    for mark in marks:
        assert peer.ask(reconnect=mark - done, **{"as": login}, abrupt=abrupt) == {"errors": 0}
        done, after = mark, _at_rest(running)
        print(f"{done} times, abrupt {abrupt}: {after}")
        assert {key: after[key] for key in before if key not in ("mb", "cpu_s")} == {
            key: before[key] for key in before if key not in ("mb", "cpu_s")
        }
        # the allocator takes what it needs for the first ones
        assert after["mb"] - before["mb"] < 8


def _at_rest(running):
    """What the server holds once it has forgotten who has gone."""
    held = {}

    def rests():
        held.update(running.ask())
        return held["sessions"] == held["subscriptions"] == held["connections"] == 0

    until(rests)
    return held
