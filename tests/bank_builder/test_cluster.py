"""`build-all --scheduler`: the same bytes as on one machine, though a worker dies; and nothing but loopback or TLS."""

import os
import signal
import sys
import threading

import pytest

from goodpart._host.locks import hold
from goodpart.errors import UsageError
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.life.alone import lock_file
from goodpart_bank_builder.many.build_all import build_all
from goodpart_bank_builder.many.cluster import Cluster, differences, machine_facts
from goodpart_bank_builder.many.product import build_product
from goodpart_bank_builder.many.row import State
from small_products import contents, draw_products


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp://192.168.1.5:8786", "expected an address of this machine"),
        ("tcp://0.0.0.0:8786", "expected an address of this machine"),
        ("tcp://localhost.example.com:8786", "expected an address of this machine"),
        ("tls://192.168.1.5:8786", "expected --tls-ca, --tls-cert and --tls-key"),
        ("127.0.0.1:8786", "expected tcp://HOST:PORT or tls://HOST:PORT"),
        ("ucx://127.0.0.1:8786", "expected tcp://HOST:PORT or tls://HOST:PORT"),
        ("tcp://127.0.0.1", "expected tcp://HOST:PORT or tls://HOST:PORT"),
        ("tcp://127.0.0.1:none", "expected tcp://HOST:PORT or tls://HOST:PORT"),
    ],
)
def test_other_addresses_are_refused_before_any_work(address, words, capsys, tmp_path):
    (recipe,) = draw_products(tmp_path, "a", images=1)
    assert main(["build-all", str(recipe), "--scheduler", address]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "bundles").exists()


def test_certificates_without_tls_are_refused(capsys):
    assert main(["build-all", "a.toml", "--tls-ca", "ca.pem"]) == 2
    assert "expected --scheduler tls://" in capsys.readouterr().err
    assert main(["build-all", "a.toml", "--scheduler", "tcp://127.0.0.1:1", "--tls-ca", "ca.pem"]) == 2
    assert "expected tls:// with the --tls options" in capsys.readouterr().err


def test_without_dask_the_extra_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["build-all", "a.toml", "--scheduler", "tcp://127.0.0.1:8786"]) == 2
    assert "install goodpart-bank-builder[dask]" in capsys.readouterr().err


def test_workers_of_another_kind_are_told_and_of_another_builder_refused():
    own = machine_facts()
    assert differences(own, {"one": own, "other": own}) == []
    (sentence,) = differences(own, {"one": own, "other": own | {"CPU": "0123"}})
    assert sentence.startswith("1 of 2 workers have another CPU than this machine (other: 0123, here ")
    with pytest.raises(UsageError, match=r"other: expected goodpart-bank-builder .* found 0.0"):
        differences(own, {"one": own, "other": own | {"goodpart-bank-builder": "0.0"}})


@pytest.fixture
def cluster():
    distributed = pytest.importorskip("distributed")
    made = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    )
    with made:
        yield made


@pytest.mark.filterwarnings("default")  # Dask's own
def test_with_a_worker_killed_the_bundles_are_the_same_bytes(cluster, tmp_path):
    import distributed

    local = [build_product(file, wait=True) for file in draw_products(tmp_path / "local", "abc")]
    recipes = draw_products(tmp_path / "shared", "abc")
    (tmp_path / "shared" / "c" / "00.npy").write_bytes(b"no array")
    held = lock_file(tmp_path / "shared" / "bundles" / "a")
    held.parent.mkdir()
    held.touch()
    rows = {}
    with open(hold(held)) as lock:  # the worker of "a" waits for it until it is killed
        thread = threading.Thread(
            target=lambda: rows.update(
                (row.product, row)
                for row in build_all(recipes, jobs=1, build=Cluster(address=cluster.scheduler_address).build)
            )
        )
        thread.start()
        with distributed.Client(cluster, set_as_default=False) as client:
            (busy,) = worker_of(client, "-0", thread, done=tmp_path / "shared" / "bundles" / "b.built.json")
            pid = client.run(os.getpid, workers=[busy])[busy]
            os.kill(pid, signal.SIGKILL)
            lock.close()
            thread.join(60)
    assert not thread.is_alive()
    assert {name: row.state for name, row in rows.items()} == {
        "a": State.BUILT,
        "b": State.BUILT,
        "c": State.FAILED,
    }
    assert "00.npy" in rows["c"].reason
    for row in local[:2]:
        assert contents(tmp_path / "shared" / "bundles" / row.product) == contents(
            tmp_path / "local" / "bundles" / row.product
        )


def worker_of(client, end, thread, *, done):
    """The worker that has the task whose key ends so, once another product is built."""
    while thread.is_alive():
        found = [worker for worker, keys in client.processing().items() if any(key.endswith(end) for key in keys)]
        if found and done.exists():
            return found
    return []
