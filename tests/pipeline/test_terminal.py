"""What a file, a folder or a product is called never commands the terminal, turns a line or makes one of its own.

Every command of the four command lines meets a file and folders with such names.
"""

import json
import logging
import shutil
import sys
from pathlib import Path

import cv2
import pytest

from broken_bundles import change_json
from goodpart._host.strict_json import encode
from goodpart.cli.main import main as goodpart
from goodpart.printable import printable
from goodpart_bank_builder.cli.main import main as goodpart_bank
from goodpart_export.cli.export import main as goodpart_export
from goodpart_export.cli.quantize import main as goodpart_quantize
from small_parts import TINY, draw_good

ODD = "a\x1b[31m\n\u202eb"
FILE = f"{ODD}.png"


def told(capsys) -> str:
    """What stdout and stderr got: rows of printable characters, and none of a name's own line breaks."""
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert text.replace("\n", "").isprintable(), ascii(text)
    for row in text.splitlines():
        assert not row.startswith("\u202e")
        assert not row.endswith("a\\x1b[31m")
    return text


@pytest.fixture(scope="session")
def odd_good(tmp_path_factory):
    """A folder of 20 good images; folder and files have odd names."""
    folder = tmp_path_factory.mktemp("odd") / ODD / "good"
    (folder / ODD).mkdir(parents=True)
    for seed in range(20):
        data = cv2.imencode(".png", draw_good(seed)[:, :, ::-1])[1].tobytes()
        (folder / ODD / f"{seed:02}{FILE}").write_bytes(data)
    (folder / f"notes{ODD}.txt").write_text("not a picture")
    return folder


@pytest.fixture
def odd_bundle(built_bundle, tmp_path):
    """A bundle in a folder with an odd name; its folder has another one."""
    (tmp_path / ODD).mkdir()
    return Path(shutil.copytree(built_bundle, tmp_path / ODD / f"bundle{ODD}"))


@pytest.fixture
def frames(tmp_path):
    """A folder of one good frame, a defect's name aside, and files that are refused."""
    folder = tmp_path / ODD / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(cv2.imencode(".png", draw_good(50)[:, :, ::-1])[1].tobytes())
    (folder / f"damaged{FILE}").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (folder / f"notes{ODD}.txt").write_text("not a picture")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ["info"],
        ["verify"],
        ["selftest"],
        ["threshold"],
        ["threshold", "--false-reject-rate", "0.1"],
        ["tune", "--frames", "2"],
        ["tune", "--reset"],
        ["bench", "--frames", "2"],
    ],
)
def test_commands_of_a_bundle(odd_bundle, command, capsys):
    assert goodpart([command[0], str(odd_bundle), *command[1:]]) == 0
    told(capsys)


@pytest.mark.parametrize("command", ["info", "verify", "selftest", "threshold", "tune", "bench", "score"])
def test_refusals_name_the_folder_in_one_line(odd_bundle, command, capsys):
    (odd_bundle / "manifest.json").unlink()
    assert goodpart([command, str(odd_bundle), *([str(odd_bundle)] if command == "score" else [])]) in (2, 3)
    assert printable(ODD) in told(capsys)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("options", [[], ["--maps", "MAPS"], ["--explain"], ["--json"]])
def test_score(odd_bundle, frames, capsys, monkeypatch, terminal, options):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    options = [str(frames.parent / f"maps{ODD}") if option == "MAPS" else option for option in options]
    assert goodpart(["score", str(odd_bundle), str(frames), *options]) == 4
    text = told(capsys)
    if terminal and "--json" not in options:
        assert f"damaged{printable(FILE)}" in text


def test_store(odd_bundle, tmp_path, capsys, caplog):
    store = str(tmp_path / ODD / f"store{ODD}")
    with caplog.at_level(logging.DEBUG):
        for command in (["list"], ["add", str(odd_bundle)], ["list"], ["activate", "washer"], ["list"], ["gc"]):
            assert goodpart(["store", command[0], store, *command[1:]]) == 0
            told(capsys)
        assert goodpart(["store", "rollback", store]) == 2
        assert goodpart(["store", "add", store, str(odd_bundle.parent)]) == 3
        assert goodpart(["verify", store]) == 0
    assert printable(ODD) in told(capsys)
    for record in caplog.records:
        if record.name.startswith("goodpart"):
            assert record.getMessage().isprintable()


def test_a_store_that_goes_back(odd_bundle, tmp_path, capsys, caplog):
    store = tmp_path / ODD / f"store{ODD}"
    newer = Path(shutil.copytree(odd_bundle, tmp_path / "newer"))
    change_json(newer / "manifest.json", lambda facts: facts.update(serial=1))
    for bundle, serial in ((odd_bundle, "0"), (newer, "1")):
        assert goodpart(["store", "add", str(store), str(bundle)]) == 0
        assert goodpart(["store", "activate", str(store), serial]) == 0
    active = json.loads((store / "state.json").read_text())["active"]
    (next(store.rglob(f"{active}/bank.npy"))).write_bytes(b"")
    from goodpart.store.live import LiveInspector
    from goodpart.store.store import Store

    with caplog.at_level(logging.WARNING), LiveInspector(Store(store), threads=1):
        pass
    assert caplog.records
    for record in caplog.records:
        assert record.getMessage().isprintable()
    assert goodpart(["store", "list", str(store)]) == 0
    assert "switched back" in told(capsys)


def test_texts_of_a_manifest(odd_bundle, capsys):
    """Whoever writes a manifest may put anything into it."""

    def spoil(value):
        if isinstance(value, dict):
            return {key: spoil(item) for key, item in value.items()}
        return f"{value}{ODD}" if isinstance(value, str) else value

    change_json(odd_bundle / "manifest.json", lambda facts: facts.update(provenance=spoil(facts["provenance"])))
    goodpart(["info", str(odd_bundle)])
    assert printable(ODD) in told(capsys)
    change_json(odd_bundle / "manifest.json", lambda facts: facts.update(name=ODD))
    assert goodpart(["info", str(odd_bundle)]) == 3
    assert printable(ODD) in told(capsys)


@pytest.mark.parametrize(
    "arguments", [[ODD], ["score", "bundle", "frame", f"--{ODD}"], ["info", "x", ODD], ["bench", "x", "--frames", ODD]]
)
@pytest.mark.parametrize("main", [goodpart, goodpart_bank, goodpart_export, goodpart_quantize])
def test_wrong_usage(main, arguments, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    told(capsys)


def test_the_key_variable_in_the_help(monkeypatch, capsys):
    monkeypatch.setenv("GOODPART_PUBLIC_KEY", f"/{ODD}.pub")
    with pytest.raises(SystemExit):
        goodpart(["info", "--help"])
    told(capsys)


def test_export_and_quantize(odd_good, tmp_path, capsys):
    (tmp_path / ODD).mkdir()
    profile = tmp_path / ODD / f"{ODD}.json"
    profile.write_bytes(encode(TINY))
    out, int8 = tmp_path / ODD / f"{ODD}.onnx", tmp_path / ODD / f"int8{ODD}.onnx"
    command = ["--weights", "untrained", "--profile", str(profile), "--out", str(out)]
    assert goodpart_export(command) == 0
    assert printable(ODD) in told(capsys)
    assert goodpart_export([*command, "--size", "auto", "--images", str(odd_good), "--force"]) == 0
    told(capsys)
    assert goodpart_export(command) == 2
    told(capsys)
    assert goodpart_export(["--weights", str(profile), "--out", str(tmp_path / "x.onnx")]) == 2
    told(capsys)
    goodpart_quantize([str(out), "--images", str(odd_good), "--out", str(int8), "--calibration-images", "4"])
    told(capsys)


def test_build_doctor_and_evaluate(odd_good, tiny_backbone, tmp_path, capsys):
    (tmp_path / ODD).mkdir()
    out = tmp_path / ODD / f"bundle{ODD}"
    excluded = next(path for path in sorted(odd_good.rglob("*.png")))
    learn = ["--backbone", str(tiny_backbone), "--false-reject-rate", "0.1", "--exclude", str(excluded)]
    assert goodpart_bank(["build", str(odd_good), *learn, "--out", str(out)]) == 2  # named after its folder
    told(capsys)
    assert goodpart_bank(["build", str(odd_good), *learn, "--out", str(out), "--name", "bar"]) == 0
    text = told(capsys)
    assert f"excluded    1 on demand: {printable(ODD)}" in text
    assert goodpart_bank(["build", str(odd_good), *learn, "--out", str(out), "--name", "bar"]) == 2
    told(capsys)
    assert goodpart_bank(["doctor", str(odd_good), *learn]) in (0, 1)
    told(capsys)
    category = tmp_path / f"category{ODD}"
    shutil.copytree(odd_good, category / "train" / "good")
    shutil.copytree(odd_good, category / "test" / "good")
    shutil.copytree(odd_good, category / "test" / f"bad{ODD}")
    asked = ["evaluate", str(out), "--data", str(category), "--json", str(tmp_path / f"figures{ODD}.json")]
    assert goodpart_bank([*asked, "--report", str(tmp_path / f"report{ODD}")]) == 0
    assert printable(ODD) in told(capsys)
    key = tmp_path / ODD / f"line{ODD}.key"
    assert goodpart_bank(["keygen", str(key)]) == 0
    assert printable(ODD) in told(capsys)
    assert goodpart_bank(["sign", str(out), "--key", str(key)]) == 0
    assert printable(ODD) in told(capsys)
    assert goodpart(["score", str(out), str(excluded), "--explain", "--json", "--public-key", f"{key}.pub"]) in (0, 1)
    told(capsys)


def test_try_and_demo_data(odd_good, tiny_backbone, tmp_path, capsys):
    command = ["try", str(odd_good), str(odd_good), "--backbone", str(tiny_backbone), "--false-reject-rate", "0.1"]
    goodpart_bank([*command, "--out", str(tmp_path / f"tried{ODD}"), "--name", "bar"])
    assert printable(ODD) in told(capsys)
    damaged = tmp_path / ODD / "good"
    shutil.copytree(odd_good, damaged)
    next(iter(sorted(damaged.rglob("*.png")))).write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    for option in ([], ["--skip-unreadable"]):
        out = tmp_path / f"again{ODD}"
        goodpart_bank([*command[:1], str(damaged), *command[3:], "--out", str(out), "--name", "bar", *option])
        assert printable(ODD) in told(capsys)
    assert goodpart_bank(["demo-data", str(out)]) == 2  # it is there already
    told(capsys)


def test_one_function_escapes():
    assert printable(Path(FILE)) == "a\\x1b[31m\\n\\u202eb.png"
    assert printable("plain, \u00e4\u5b57") == "plain, \u00e4\u5b57"
    assert printable("\udce9\r\u2028\x00") == "\\udce9\\r\\u2028\\x00"
