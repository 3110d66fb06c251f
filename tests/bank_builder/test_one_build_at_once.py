"""`build`, `update` and `exclude` live together with `build-all`: one lock, one note of what a bundle was made from."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.errors import UsageError
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.life import alone as alone_module
from goodpart_bank_builder.life import rebuild as rebuild_module
from goodpart_bank_builder.life.alone import alone, holder, lock_file
from goodpart_bank_builder.life.rebuild import build_recipe
from goodpart_bank_builder.life.stamp import built_file, read_built
from goodpart_bank_builder.life.update import plan_update, update
from goodpart_bank_builder.many.check import check_products
from goodpart_bank_builder.many.product import build_product
from goodpart_bank_builder.many.row import State
from small_frames import draw_small
from small_products import contents, draw_products


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A product that `build RECIPE` has built."""
    folder = tmp_path_factory.mktemp("products")
    (file,) = draw_products(folder, "a", images=20)
    assert main(["build", str(file), "--threads", "1"]) == 0
    (folder / "new").mkdir()
    for number in range(3):
        np.save(folder / "new" / f"{number}.npy", draw_small(500 + number))
    return folder


@pytest.fixture
def file(drawn, tmp_path):
    return Path(shutil.copytree(drawn, tmp_path / "products")) / "a.toml"


def bundle(file):
    return file.parent / "bundles" / "a"


def why(file):
    (checked,) = check_products([file], threads=1, force=False)
    assert checked.row.state is (State.OUT_OF_DATE if checked.row.because else State.UP_TO_DATE)
    return checked.row.because


def refused(capsys, *arguments):
    assert main(list(map(str, arguments))) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_build_all_builds_nothing_again_that_build_has_built(file):
    before = contents(bundle(file))
    row = build_product(file, wait=True)
    assert (row.state, row.digest, row.images) == (State.UP_TO_DATE, read_bundle(bundle(file)).digest, 20)
    assert contents(bundle(file)) == before
    beside = {path.name for path in bundle(file).parent.iterdir()}
    assert beside == {"a", "a.built.json", "a.findings.json"}


def test_nor_what_update_and_exclude_have_built(file):
    assert main(["update", str(file), "--good", str(file.parent / "new")]) == 0
    assert (why(file), read_built(bundle(file)).images) == ((), 23)
    assert main(["exclude", str(file), str(file.parent / "new" / "1.npy"), "--yes"]) == 0
    assert why(file) == ()
    assert read_built(bundle(file)).images < 23
    assert read_bundle(bundle(file)).manifest.serial == 3


@pytest.mark.parametrize("option", [["--seed", "3"], ["--head", "0.5"], ["--name", "b", "--out"]])
def test_an_overridden_recipe_does_not_count_as_built(file, option):
    out = str(file.parent / "elsewhere") if option[-1] == "--out" else None
    assert main(["build", str(file), *option, *([out] if out else [])]) == 0
    assert why(file) == (() if out else ("another bundle",))
    assert out is None or not built_file(Path(out)).exists()


@pytest.mark.parametrize("option", [["--seed", "0"], ["--serial", "9"], ["--no-workspace"]])
def test_what_overrides_nothing_counts(file, option):
    assert main(["build", str(file), *option]) == 0
    assert why(file) == ()


def test_a_kill_before_the_bundle_counts_makes_the_next_build_make_the_same_one(file):
    with pytest.raises(KeyboardInterrupt), build_recipe(file):
        raise KeyboardInterrupt
    first = contents(bundle(file))
    assert read_bundle(bundle(file)).manifest.serial == 2
    assert why(file) == ("another bundle",)
    assert main(["build", str(file), "--threads", "1"]) == 0
    assert contents(bundle(file)) == first
    assert why(file) == ()


def test_a_build_that_fails_leaves_nothing(file, tmp_path, capsys):
    shutil.copy(file.parent / "a" / "00.npy", file.parent / "new" / "9.npy")
    before = sorted(path.name for path in bundle(file).parent.iterdir())
    assert "found a copy of" in refused(capsys, "update", file, "--good", file.parent / "new")
    assert sorted(path.name for path in bundle(file).parent.iterdir()) == before
    file.write_text(file.read_text().replace("[bank]", "[bank]\nexclude = ['none.npy']").replace('"a"\n', '"b"\n', 1))
    shutil.rmtree(bundle(file).parent)
    assert "none.npy" in refused(capsys, "build", file)
    assert not bundle(file).parent.exists()


def test_an_interrupted_build_leaves_nothing(file, monkeypatch, capsys):
    before = file.read_bytes(), contents(bundle(file)), sorted(bundle(file).parent.iterdir())

    def interrupted(*arguments):
        assert lock_file(bundle(file)).exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(rebuild_module, "build_and_keep", interrupted)
    assert main(["update", str(file), "--good", str(file.parent / "new")]) == 130
    assert capsys.readouterr().err.splitlines()[-1].endswith("interrupted; nothing half-written is left")
    assert (file.read_bytes(), contents(bundle(file)), sorted(bundle(file).parent.iterdir())) == before


@pytest.mark.parametrize("command", ["build", "update", "exclude"])
def test_a_second_build_says_who_is_at_work(file, command, capsys):
    new = file.parent / "new"
    arguments = {"build": [], "update": ["--good", new], "exclude": [file.parent / "a" / "00.npy", "--yes"]}[command]
    before = (file.read_bytes(), contents(bundle(file)))
    code = (
        "import sys; from pathlib import Path; from goodpart_bank_builder.life.alone import alone\n"
        "with alone(Path(sys.argv[1]), wait=False) as is_alone: print(is_alone, flush=True); sys.stdin.read()"
    )
    command_line = [sys.executable, "-c", code, str(bundle(file))]
    with subprocess.Popen(command_line, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout.readline() == "True\n"
        error = refused(capsys, command, file, *arguments)
        assert f"{file}: expected no other build of a, found one at work (process {other.pid} on " in error
        assert build_product(file, wait=False).state is State.OUT_OF_DATE
        other.stdin.close()
    assert (file.read_bytes(), contents(bundle(file))) == before
    assert not lock_file(bundle(file)).exists()
    assert main([command, str(file), *map(str, arguments)]) == 0


def test_an_update_that_was_planned_before_another_one_ended_loses_no_batch(file):
    planned = plan_update(file, file.parent / "new", selected=False)
    file.write_text("# edited\n" + file.read_text())
    with pytest.raises(UsageError, match="found it changed meanwhile; try again"), update(file, planned, threads=1):
        pass
    assert file.read_text().startswith("# edited\n")
    assert read_bundle(bundle(file)).manifest.serial == 1


def test_a_lock_that_a_dead_process_has_left_holds_nobody_up(tmp_path):
    lock = lock_file(tmp_path / "a")
    lock.write_text("process 1 on moon\n")
    with alone(tmp_path / "a", wait=False) as is_alone:
        assert is_alone
        assert holder(tmp_path / "a").startswith(f"process {os.getpid()} on ")
    assert not lock.exists()


def test_a_lock_file_that_goes_between_opening_and_locking_is_made_again(tmp_path, monkeypatch):
    """Who held it before removes it: the lock of a removed file excludes nobody."""
    out, opened = tmp_path / "a", alone_module._opened
    lock_file(out).touch()

    def late(lock):
        handle = opened(lock)
        monkeypatch.setattr(alone_module, "_opened", opened)
        lock.unlink()
        return handle

    monkeypatch.setattr(alone_module, "_opened", late)
    with alone(out, wait=False) as first, alone(out, wait=False) as second:
        assert (first, second) == (True, False)


def test_a_lock_file_that_says_what_it_likes_is_no_terminal_command(tmp_path):
    lock_file(tmp_path / "a").write_bytes(b"\x1b[2J\n")
    assert holder(tmp_path / "a") == "another process"
    lock_file(tmp_path / "a").write_bytes(b"\xff")
    assert holder(tmp_path / "a") == "another process"
