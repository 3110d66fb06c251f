"""`goodpart-station check` finds each fault that was planted, and the other commands do what their pages say."""

import collections
import dataclasses
import json
import socket

import numpy as np
import pytest

from goodpart import UsageError
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import change_device
from goodpart_station import check as checks
from goodpart_station.check import check
from goodpart_station.cli.main import main
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.running import started
from goodpart_station.sources.folder import FolderSource
from small_frames import draw_small
from station_parts import BUNDLE, Site, small_store

_FILE = """
[station]
name = "line1"
data = "data"
threads = 1
deadline_ms = 60_000
[[product]]
number = 1
name = "bar"
store = "bar"
[source]
kind = "folder"
path = "frames"
"""


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture(autouse=True)
def in_order(monkeypatch):
    monkeypatch.setattr(checks, "is_synced", lambda: True)
    monkeypatch.setattr(checks, "_FSYNC_LIMIT_S", 60.0)  # of a machine that is busy with other tests
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "line.toml").write_text(_FILE)
    (tmp_path / "frames").mkdir()
    return tmp_path / "line.toml"


@pytest.fixture
def quick(monkeypatch):
    """Without the child process of the self-test."""
    monkeypatch.setattr(checks, "try_bundle", lambda folder, limits: None)


def failed(plan):
    return {finding.name: finding.detail for finding in check(plan) if not finding.passed}


def test_a_station_in_order_passes_every_check(site):
    findings = {finding.name: finding for finding in check(site.plan)}
    expected = {"disk", "product 1", "deadline of product 1", "source", "Slots", "clock", "telemetry"}
    assert set(findings) == expected
    assert all(finding.passed for finding in findings.values())
    assert "p99 of 100" in findings["deadline of product 1"].detail
    assert "serial 9" in findings["product 1"].detail


def test_too_little_room_is_found(site, quick):
    plan = dataclasses.replace(site.plan, room_bytes=10**18)
    assert "make room" in failed(plan)["disk"]


def test_a_folder_that_cannot_be_written_is_found(site, quick):
    site.plan.data.parent.joinpath("file").write_text("")
    plan = dataclasses.replace(site.plan, data=site.plan.data.parent / "file" / "data")
    assert "expected a folder that can be written" in failed(plan)["disk"]


def test_a_slow_disk_is_found(site, quick, monkeypatch):
    monkeypatch.setattr(checks, "_fsync_s", lambda folder: 99.0)
    assert "replace it" in failed(site.plan)["disk"]


def test_a_damaged_bundle_is_found_and_the_store_stays_as_it_is(site):
    path = site.stores[1].path(site.stores[1].state.active) / "bank.npy"
    path.chmod(0o644)
    path.write_bytes(b"rot")
    before = site.stores[1].state
    assert "bank.npy" in failed(site.plan)["product 1"]
    assert site.stores[1].state == before


def test_a_deadline_that_is_too_short_is_found(site, quick):
    plan = dataclasses.replace(site.plan, rules=dataclasses.replace(site.rules, deadline_ns=1000))
    assert "allow more time" in failed(plan)["deadline of product 1"]


def test_a_missing_folder_of_frames_is_found(site, quick, tmp_path):
    folder = tmp_path / "nothing"

    def source(wanted):
        return FolderSource(folder, wanted=wanted, trigger=TriggerKind.NONE)

    plan = dataclasses.replace(site.plan, source=source)
    assert "expected a folder" in failed(plan)["source"]
    folder.mkdir()
    np.save(folder / "a.npy", draw_small(1))
    (folder / "judging").mkdir()
    (folder / "judging" / "b.npy").touch()
    detail = next(finding.detail for finding in check(plan) if finding.name == "source")
    assert detail == f"{folder}: 1 image files wait; 1 lie in judging, which the next start refuses"


def test_a_port_that_is_taken_is_found(file, capsys):
    small_store(file.parent / "data" / "stores" / "bar")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        text = _FILE + f'trigger = "software"\n[plc.modbus]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n'
        file.write_text(text)
        assert main(["check", str(file), "--json"]) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (wrong,) = [finding for finding in found if not finding["passed"]]
    assert wrong["check"] == "[plc.modbus]"
    assert "in use" in wrong["detail"]
    assert main(["check", str(file)]) == 0
    assert "pass  reach of [plc.modbus]: [plc.modbus] listens on 127.0.0.1" in capsys.readouterr().out


def test_an_address_of_the_internet_is_found(site, quick):
    plan = dataclasses.replace(site.plan, listens={"plc.modbus": "8.8.8.8"})
    assert "one of the internet" in failed(plan)["reach of [plc.modbus]"]


def test_a_link_that_cannot_be_made_is_found(site, quick):
    def plugs(engine):
        raise UsageError("page: expected tokens, found none")

    plan = dataclasses.replace(site.plan, plugs=plugs)
    assert "expected tokens" in failed(plan)["links"]


def test_while_the_station_runs_its_links_are_not_tried(site, quick, monkeypatch):
    monkeypatch.setattr("goodpart.store.store.try_bundle", lambda folder, limits: None)
    opened = collections.Counter()
    monkeypatch.setattr(checks, "_links", lambda plugs: opened.update(tried=1) or iter(()))
    with started(site.plan) as engine:
        findings = {finding.name: finding for finding in check(site.plan)}
        engine.stop()
    assert "are not tried again" in findings["alone"].detail
    assert not opened


def test_telemetry_is_found(site, quick, monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    assert set(failed(site.plan)) == {"telemetry"}


def test_a_file_that_cannot_be_read_is_one_failed_check(file, capsys):
    file.write_text(_FILE.replace("deadline_ms", "dedline_ms"))
    assert main(["check", str(file)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"FAIL  file: {file}:6: ")


def test_init_writes_a_file_once(tmp_path, capsys):
    file = tmp_path / "new.toml"
    assert main(["init", str(file)]) == 0
    assert "[[product]]" in file.read_text()
    assert main(["init", str(file)]) == 2
    assert "expected a new file" in capsys.readouterr().err


def test_stores_and_outputs_need_no_source(file, capsys):
    """The service makes the folder of frames when it starts, and takes it away when it ends."""
    (file.parent / "frames").rmdir()
    assert main(["products", "add", str(file), "1", str(BUNDLE)]) == 0
    assert main(["products", "list", str(file)]) == 0
    assert main(["release", str(file)]) == 0
    assert main(["check", str(file)]) == 1
    assert "expected a folder at" in capsys.readouterr().out


def test_release_says_that_there_is_nothing_to_switch(file, capsys):
    file.write_text(_FILE + 'trigger = "software"\n[plc.modbus]\nlisten = "127.0.0.1:1502"\n')
    assert main(["release", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "no outputs to switch off" in printed
    assert "the PLC rejects what gets no GOOD in time" in printed


def test_the_list_of_products_says_that_a_threshold_was_moved(file, tmp_path, capsys):
    store = small_store(tmp_path / "data" / "stores" / "bar")
    bundle = read_bundle(tmp_path / "data" / "stores" / "bar" / "bundles" / (store.state.active or ""))
    moved = bundle.manifest.threshold_range.highest
    change_device(bundle, lambda settings: dataclasses.replace(settings, threshold=moved, pixel_threshold=9.0))
    assert main(["products", "list", str(file)]) == 0
    assert f"serial 9  threshold moved to {moved:.3f} sigmas\n" in capsys.readouterr().out


def test_products_are_listed_added_and_activated(file, capsys):
    assert main(["products", "list", str(file)]) == 0
    assert "1  bar: no bundles; add one" in capsys.readouterr().out
    assert main(["products", "add", str(file), "1", str(BUNDLE)]) == 0
    assert main(["products", "activate", str(file), "1", "9"]) == 0
    printed = capsys.readouterr().out
    assert "added: bar, serial 9" in printed
    assert "active: bar, serial 9" in printed
    assert main(["products", "list", str(file), "--json"]) == 0
    (entry,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (entry["product"], entry["serial"], entry["active"]) == (1, 9, True)
    assert main(["products", "add", str(file), "2", str(BUNDLE)]) == 2
    assert "expected the number of a product" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "expected FILE.toml, or --simulate DIR with --bundle BUNDLE"),
        (["--bundle", "x"], "expected --simulate DIR beside it"),
        (["FILE", "--bundle", "x"], "found neither or both"),
        (["FILE", "--simulate", "nowhere"], "expected a folder at nowhere"),
        (["FILE", "--simulate", "FRAMES", "--rate", "0"], "--rate: expected a number above 0"),
        (["FILE", "--simulate", "FRAMES", "--dim", "nan"], "--dim: expected a number above 0"),
        (["FILE", "--simulate", "FRAMES", "--defocus", "-1"], "--defocus: expected a number"),
        (["FILE", "--simulate", "FRAMES"], "expected images"),
        (["FILE", "--product", "2"], "--product: expected one of 1, found 2"),
    ],
)
def test_what_run_refuses(file, capsys, options, words):
    places = {"FILE": str(file), "FRAMES": str(file.parent / "frames")}
    assert main(["run", *[places.get(option, option) for option in options]]) == 2
    assert words in capsys.readouterr().err
