"""`goodpart-bank try` and its child process, `goodpart-export`."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from goodpart_bank_builder.cli.main import main


@pytest.fixture
def fake_export(tmp_path, monkeypatch, tiny_backbone):
    """A command in the place of goodpart-export, and where it notes its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)

    def install(script: str) -> Path:
        command = folder / "goodpart-export"
        command.write_text(f"#!{shutil.which('python3')}\nimport json, shutil, sys, time, os\n{script}\n")
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
        return folder / "arguments.json"

    return install


def test_the_command_gets_weights_and_the_smallest_defect(fake_export, good_dir, bad_dir, tiny_backbone, capsys):
    noted = fake_export(
        f"json.dump(sys.argv[1:], open({str(bad_dir.parents[1] / 'bin' / 'arguments.json')!r}, 'w'))\n"
        "out = [a for a in sys.argv if a.startswith('--out=')][0][6:]\n"
        f"shutil.copy({str(tiny_backbone)!r}, out)\n"
        "print(json.dumps({'price': {'embed_ms': 31.4, 'without_ms': 12.3}}))"
    )
    options = ["--weights", "w.pth", "--smallest-defect-px", "20", "--roi", "0,0,60,60", "--out", "out"]
    assert main(["try", str(good_dir), str(bad_dir), *options, "--false-reject-rate", "0.1"]) == 0
    arguments = json.loads(noted.read_text())
    assert arguments[:3] == ["--weights=w.pth", "--size=auto", f"--images={good_dir}"]
    assert "--smallest-defect-px=20.0" in arguments
    assert "--roi=0,0,60,60" in arguments
    captured = capsys.readouterr()
    assert "price       31 ms to embed a frame here (measured, one thread)" in captured.out
    assert "step 1 of 4: exporting a backbone" in captured.err


def test_images_that_are_left_out_do_not_stop_the_export(fake_export, good_dir, tmp_path, tiny_backbone, capsys):
    own = tmp_path / "own"
    shutil.copytree(good_dir, own)
    for name in ("30.png", "31.png"):
        (own / name).write_bytes(b"no picture")
    noted = fake_export(
        "folder = [a for a in sys.argv if a.startswith('--images=')][0][9:]\n"
        "found = sorted(os.path.realpath(entry.path) for entry in os.scandir(folder))\n"
        f"json.dump(found, open({str(tmp_path / 'bin' / 'arguments.json')!r}, 'w'))\n"
        f"shutil.copy({str(tiny_backbone)!r}, [a for a in sys.argv if a.startswith('--out=')][0][6:])\n"
        "print(json.dumps({}))"
    )
    command = ["try", str(own), "--out", "out", "--false-reject-rate", "0.1", "--exclude", "30.png"]
    assert main(command) == 4
    assert "31.png" in capsys.readouterr().err
    assert main([*command, "--skip-unreadable"]) == 0
    assert json.loads(noted.read_text()) == [str(own / f"{number:02}.png") for number in range(24)]
    assert "images      24 good images, 1 excluded, 1 skipped, no bad ones" in capsys.readouterr().out
    assert not (tmp_path / "out" / "images").exists()


def test_its_exit_code_is_passed_on_and_nothing_is_left(fake_export, good_dir, tmp_path, capfd):
    fake_export("print('goodpart-export: w.pth: expected weights, found none', file=sys.stderr); sys.exit(2)")
    assert main(["try", str(good_dir), "--weights", "w.pth", "--out", "out", "--false-reject-rate", "0.1"]) == 2
    assert "goodpart-export: w.pth: expected weights" in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin"]


def test_a_killed_command_is_one_line(fake_export, good_dir, capfd):
    fake_export("os.kill(os.getpid(), 9)")
    assert main(["try", str(good_dir), "--out", "out", "--false-reject-rate", "0.1"]) == 2
    assert "found the command ended by signal 9" in capfd.readouterr().err


def test_without_the_command_it_says_how_to_install_it(good_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["try", str(good_dir), "--out", "out", "--false-reject-rate", "0.1"]) == 2
    error = capsys.readouterr().err
    assert "run pip install ./runtime ./export in a clone of goodpart, or give --backbone FILE" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_neither_files_nor_a_child(fake_export, good_dir, tmp_path, number):
    fifo = tmp_path / "bin" / "ready"
    os.mkfifo(fifo)
    fake_export(f"open({str(fifo)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    script = (
        "import signal, sys; from goodpart_bank_builder.cli import main as cli\n"
        f"signal.signal({int(number)}, signal.default_int_handler)\n"
        f"sys.executable = {str(tmp_path / 'bin' / 'python')!r}\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    python = Path(sys.prefix) / "bin" / "python"
    command = [str(python), "-c", script, "try", str(good_dir), "--out", "out", "--false-reject-rate", "0.1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        child = int(fifo.read_text())
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == 130, said
    assert "interrupted; nothing half-written is left" in said
    assert not Path(f"/proc/{child}").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin"]


def test_the_real_command_exports_an_untrained_backbone(good_dir, bad_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["--weights", "untrained", "--out", "out", "--false-reject-rate", "0.1", "--json"]
    assert main(["try", str(good_dir), str(bad_dir), *options]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["export"]["input_choice"]["images_found"] == 24
    assert any("untrained weights" in reason for reason in plain["conclusion"]["reasons"])
    assert (tmp_path / "out" / "backbone.report.json").is_file()
