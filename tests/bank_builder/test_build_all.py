"""`goodpart-bank build-all`: failures are listed, the rest goes on, and nothing stays behind after a kill."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from goodpart._host.locks import hold
from goodpart.cli.main import main as goodpart
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.life.alone import lock_file
from goodpart_bank_builder.many.processes import build_in_processes
from goodpart_bank_builder.many.row import Row, State
from small_products import contents, draw_products

BUILD_ALL = [sys.executable, "-m", "goodpart_bank_builder.cli.main", "build-all"]


def states(found):
    return {Path(row["recipe"]).stem: row["state"] for row in found["products"]}


def bundles(folder):
    return {path.name: contents(path) for path in (folder / "bundles").iterdir() if path.is_dir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Four products, one of which cannot be built, and what the command said of them."""
    folder = tmp_path_factory.mktemp("products")
    recipes = draw_products(folder, "abcd")
    (folder / "b" / "03.npy").write_bytes(b"no array")
    (folder / "e.toml").write_text("[product]\nname = 5\n")
    command = [*BUILD_ALL, *map(str, recipes), str(folder / "e.toml"), "--jobs", "2", "--json", "--report"]
    done = subprocess.run([*command, str(folder / "page")], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return folder, json.loads(done.stdout), done.stderr


def test_a_product_that_fails_is_listed_and_the_others_are_built(built, capsys):
    folder, found, stderr = built
    assert states(found) == {"a": "built", "b": "failed", "c": "built", "d": "built", "e": "failed"}
    assert (found["built"], found["up_to_date"], found["failed"]) == (3, 0, 2)
    reasons = {row["product"]: row["reason"] for row in found["products"]}
    assert "03.npy" in reasons["b"]
    assert f"{folder / 'e.toml'}:2: name: expected a name" in reasons[None]
    assert set(bundles(folder)) == {"a", "c", "d"}
    for name in "acd":
        assert goodpart(["verify", str(folder / "bundles" / name)]) == 0
    assert "building 4 of 5 products: 48 images" in stderr
    assert "b: failed: " in stderr


def test_a_second_run_builds_only_what_failed(built, capsys):
    folder, _, _ = built
    before = bundles(folder)
    recipes = [str(path) for path in sorted(folder.glob("[a-d].toml"))]
    assert main(["build-all", *recipes, "--jobs", "1"]) == 1
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["product", "state", "images", "threshold", "seconds", "suspects"]
    assert [row.split()[:2] for row in rows[1:5]] == [["a", "up"], ["b", "failed"], ["c", "up"], ["d", "up"]]
    assert rows[5].startswith("b: ")
    assert "03.npy" in rows[5]
    assert rows[-1].startswith("0 built, 3 up to date, 1 failed; ")
    assert bundles(folder) == before


def test_the_page_lists_all_products(built):
    folder, found, _ = built
    page = (folder / "page" / "index.html").read_text()
    assert "<h1>5 products: 3 built, 2 failed</h1>" in page
    assert page.count('<th scope="row"') == 5
    assert found["products"][0]["digest"][:12] in page
    assert "03.npy" in page


def test_two_recipes_for_one_bundle_are_refused(built, capsys, tmp_path):
    folder, _, _ = built
    other = folder / "twin.toml"
    other.write_text((folder / "a.toml").read_text().replace('name = "a"', 'name = "x"\nbundle = "bundles/a"', 1))
    for recipes in ([folder / "a.toml", other], [folder / "a.toml", folder / "a.toml"]):
        assert main(["build-all", *map(str, recipes)]) == 2
        assert "expected a bundle of its own, found that of" in capsys.readouterr().err.splitlines()[-1]
    other.write_text((folder / "a.toml").read_text().replace('name = "a"', 'name = "a"\nbundle = "elsewhere"', 1))
    assert main(["build-all", str(folder / "a.toml"), str(other)]) == 2
    assert "expected a product of its own" in capsys.readouterr().err
    other.unlink()


def children(process):
    """The processes that a process has started."""
    return [int(each) for path in Path(f"/proc/{process}/task").glob("*/children") for each in path.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are waited for as Linux does it")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_leaves_no_process_and_a_second_run_no_finished_product_to_redo(tmp_path, adopt_orphans, number):
    folder = tmp_path / "products"
    recipes = list(map(str, draw_products(folder, "abc")))
    # held, so that the build is never done before the signal comes
    lock = lock_file(folder / "bundles" / "c")
    lock.parent.mkdir()
    lock.touch()
    command = [*BUILD_ALL, *recipes, "--jobs", "1"]
    with open(hold(lock)), subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        first = next(line for line in process.stderr if ": built in " in line).partition(":")[0]
        (worker,) = children(process.pid)
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    if number == signal.SIGKILL:
        assert os.waitpid(worker, 0)[0] == worker
    else:
        assert rest.splitlines()[-1].endswith("interrupted; nothing half-written is left")
        assert not Path(f"/proc/{worker}").exists()
    assert not list((folder / "bundles").glob(".*partial"))
    before = bundles(folder)[first]
    rows = build_all(recipes)
    assert rows[first] == "up to date"
    assert set(rows.values()) == {"up to date", "built"}
    assert bundles(folder)[first] == before


def build_all(recipes):
    done = subprocess.run([*BUILD_ALL, *recipes, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    return states(json.loads(done.stdout))


@pytest.fixture
def adopt_orphans():
    """Makes this process the parent of what its children leave behind, so that it can wait for it."""
    import ctypes

    subreaper = 36
    libc = ctypes.CDLL(None)
    assert libc.prctl(subreaper, 1, 0, 0, 0) == 0
    yield
    libc.prctl(subreaper, 0, 0, 0, 0)


def test_a_process_that_dies_is_a_failed_product(tmp_path, monkeypatch):
    """As when the system has no memory left; the next product gets another process."""
    folder = tmp_path / "products"
    rows = [
        Row(recipe=str(file), product=file.stem, bundle=None, state=State.OUT_OF_DATE)
        for file in draw_products(folder, "ab")
    ]
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def hook(event, arguments):\n"
        "    if event == 'open' and str(arguments[0]).endswith('a.toml'):\n"
        "        os.kill(os.getpid(), 9)\n"
        "sys.addaudithook(hook)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    found = {row.product: row for row in build_in_processes(rows, jobs=1)}
    assert found["a"].state is State.FAILED
    assert "a process that ended with signal SIGKILL" in found["a"].reason
    assert found["b"].state is State.BUILT
