"""Tokens and the gate: what is stored, who is let in, and how often an address may be wrong."""

import json
import os
import stat

import pytest

from goodpart import UsageError
from goodpart_station import tokens
from goodpart_station.gate import LOCAL, STRANGER, Gate, TooManyTriesError
from goodpart_station.tokens import Role, TokenFile, digest


@pytest.fixture
def file(tmp_path):
    return TokenFile(tmp_path / "data" / "tokens.json")


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_only_the_digest_is_stored_and_only_its_owner_reads_it(file):
    token = file.add("anna", Role.ENGINEER)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    text = file.path.read_text()
    assert token not in text and digest(token) in text
    assert len(token) >= 32
    (kept,) = file.read()
    assert (kept.name, kept.role) == ("anna", Role.ENGINEER)


def test_names_are_used_once_and_can_be_removed(file):
    assert file.read() == ()
    first = file.add("anna", Role.VIEWER)
    with pytest.raises(UsageError, match="found one in use"):
        file.add("anna", Role.OPERATOR)
    assert file.add("bert", Role.VIEWER) != first
    with pytest.raises(UsageError, match="there are: anna, bert"):
        file.remove("carl")
    file.remove("anna")
    assert [token.name for token in file.read()] == ["bert"]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 65, "-a", "é"])
def test_a_name_is_plain(file, name):
    with pytest.raises(UsageError, match="token name"):
        file.add(name, Role.VIEWER)
    assert not file.path.exists()


def test_a_file_that_others_can_read_is_refused(file):
    file.add("anna", Role.VIEWER)
    file.path.chmod(0o640)
    with pytest.raises(UsageError, match="mode 0640"):
        file.read()


@pytest.mark.parametrize("text", ["", "[]", '{"tokens": [{"name": "a"}]}', '{"tokens": 1}'])
def test_a_damaged_file_is_refused(file, text):
    file.path.parent.mkdir()
    file.path.touch(mode=0o600)
    file.path.write_text(text)
    with pytest.raises(UsageError, match=r"tokens\.json"):
        file.read()


def test_an_administrator_gives_the_file_to_the_owner_of_the_folder(file):
    if os.geteuid() != 0:
        assert os.geteuid() == file.path.parent.parent.stat().st_uid
        return
    file.path.parent.mkdir()
    os.chown(file.path.parent, 1234, 1235)
    file.add("anna", Role.VIEWER)
    assert (file.path.stat().st_uid, file.path.stat().st_gid) == (1234, 1235)


def test_roles_include_those_below():
    allowed = [[role.may(needed) for needed in Role] for role in Role]
    assert allowed == [[True, False, False], [True, True, False], [True, True, True]]


def test_without_tokens_this_pc_sees_and_nothing_more(file):
    assert Gate(file, is_loopback=True).who(None, "127.0.0.1") is LOCAL
    assert LOCAL.role is Role.VIEWER
    assert Gate(file, is_loopback=False).who(None, "10.0.0.9") is STRANGER
    file.add("anna", Role.VIEWER)
    assert Gate(file, is_loopback=True).who(None, "127.0.0.1") is STRANGER


def test_tokens_added_and_removed_while_it_runs(file):
    gate = Gate(file, is_loopback=True)
    local = gate.who(None, "127.0.0.1")
    token = file.add("anna", Role.OPERATOR)
    gate.refresh()
    assert not gate.still(local)
    anna = gate.who(token, "127.0.0.1")
    assert (anna.name, anna.role) == ("anna", Role.OPERATOR)
    assert gate.still(anna)
    file.remove("anna")
    gate.refresh()
    assert not gate.still(anna)
    assert gate.who(token, "127.0.0.1") is STRANGER


def test_a_damaged_file_closes_the_gate_until_it_is_mended(file):
    token = file.add("anna", Role.OPERATOR)
    gate = Gate(file, is_loopback=True)
    text = file.path.read_text()
    file.path.write_text("nothing")
    with pytest.raises(UsageError):
        gate.refresh()
    assert gate.who(token, "a") is STRANGER
    # not even the rights of a PC without tokens
    assert gate.who(None, "127.0.0.1") is STRANGER
    file.path.write_text(text)
    gate.refresh()
    assert gate.who(token, "a").name == "anna"


def test_five_wrong_tries_per_minute_and_address(file):
    token, clock = file.add("anna", Role.VIEWER), Clock()
    gate = Gate(file, is_loopback=False, clock=clock)
    for _ in range(5):
        assert gate.who("wrong", "10.0.0.1") is STRANGER
    for shown in ("wrong", token):
        with pytest.raises(TooManyTriesError):
            gate.who(shown, "10.0.0.1")
    assert gate.who(token, "10.0.0.2").name == "anna"
    clock.now += 60.0
    assert gate.who(token, "10.0.0.1").name == "anna"


def test_the_many_addresses_of_one_computer_count_as_one(file):
    gate = Gate(file, is_loopback=False)
    for last in range(5):
        gate.who("wrong", f"2001:db8::{last:x}")
    with pytest.raises(TooManyTriesError):
        gate.who("wrong", "2001:db8::ffff")
    assert gate.who("wrong", "2001:db8:0:1::1") is STRANGER


def test_what_is_remembered_of_addresses_is_bounded(file):
    gate = Gate(file, is_loopback=False)
    for number in range(3000):
        gate.who("wrong", f"10.0.{number // 250}.{number % 250}")
    assert len(gate._tries) == 1024


def test_the_file_has_known_keys(file):
    file.add("anna", Role.VIEWER)
    (entry,) = json.loads(file.path.read_text())["tokens"]
    assert entry.keys() == {"name", "role", "sha256", "added"}


def test_a_file_that_others_could_read_counts_again_after_chmod(file):
    token = file.add("anna", Role.OPERATOR)
    file.path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        Gate(file, is_loopback=True)
    file.path.chmod(0o600)
    gate = Gate(file, is_loopback=True)
    assert gate.who(token, "a").name == "anna"
    file.path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        gate.refresh()
    assert gate.who(token, "a") is STRANGER
    file.path.chmod(0o600)
    gate.refresh()
    assert gate.who(token, "a").name == "anna"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_administrator_gives_away_no_other_file(file, monkeypatch):
    """The owner of the folder may put a link in the place of the file before it is given away."""
    other = file.path.parent.parent / "other"
    other.touch()
    file.path.parent.mkdir()
    os.chown(file.path.parent, 1234, 1235)
    write = tokens.write_file

    def and_a_link(path, data, mode):
        write(path, data, mode=mode)
        path.unlink()
        path.symlink_to(other)

    monkeypatch.setattr(tokens, "write_file", and_a_link)
    file.add("anna", Role.VIEWER)
    assert other.stat().st_uid == os.geteuid()
