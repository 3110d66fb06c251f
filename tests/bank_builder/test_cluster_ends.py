"""`build-all --scheduler`: through TLS with certificates of one's own, and interrupted with Ctrl-C."""

import datetime
import ipaddress
import os
import signal
import subprocess
import sys

import pytest

from goodpart._host.locks import hold
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.life.alone import lock_file
from goodpart_bank_builder.life.stamp import read_built
from goodpart_bank_builder.many import cluster as cluster_module
from goodpart_bank_builder.many.check import check_products
from small_products import contents, draw_products

pytestmark = pytest.mark.filterwarnings("default")  # Dask's own


def certificate(folder, name, signed_by=None):
    """Writes NAME.pem and NAME.key: a certificate authority, or a certificate of this machine that one has signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = (subject, key) if signed_by is None else signed_by
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signed_by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return subject, key


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Certificates: of the scheduler and of the worker, of the client, and of a stranger with a CA of his own."""
    pytest.importorskip("distributed")
    made = tmp_path_factory.mktemp("tls")
    ca, other = certificate(made, "ca"), certificate(made, "other")
    certificate(made, "cluster", ca)
    certificate(made, "client", ca)
    certificate(made, "stranger", other)
    return made


def local(protocol="tcp://", **options):
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, host="127.0.0.1", dashboard_address="127.0.0.1:0",
        silence_logs=50, protocol=protocol, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def encrypted(folder):
    from distributed import Security

    pem, key = str(folder / "cluster.pem"), str(folder / "cluster.key")
    security = Security(
        require_encryption=True, tls_ca_file=str(folder / "ca.pem"), tls_scheduler_cert=pem, tls_scheduler_key=key,
        tls_worker_cert=pem, tls_worker_key=key, tls_client_cert=pem, tls_client_key=key,
    )  # fmt: skip
    with local(protocol="tls://", security=security) as made:
        yield made.scheduler_address


def build(recipe, address, folder, *, ca="ca", who="client"):
    tls = ["--tls-ca", folder / f"{ca}.pem", "--tls-cert", folder / f"{who}.pem", "--tls-key", folder / f"{who}.key"]
    return main(["build-all", str(recipe), "--scheduler", address, *map(str, tls)])


def test_a_product_is_built_through_tls(encrypted, folder, tmp_path):
    assert encrypted.startswith("tls://127.0.0.1:")
    (recipe,) = draw_products(tmp_path / "shared", "a")
    assert build(recipe, encrypted, folder) == 0
    (own,) = draw_products(tmp_path / "own", "a")
    assert main(["build", str(own), "--threads", "1"]) == 0
    bundles = [file.parent / "bundles" / "a" for file in (recipe, own)]
    assert contents(bundles[0]) == contents(bundles[1])


@pytest.mark.parametrize(("ca", "who"), [("ca", "stranger"), ("other", "client")])
def test_who_is_not_of_the_same_authority_gets_nothing_done(encrypted, folder, tmp_path, capsys, monkeypatch, ca, who):
    monkeypatch.setattr(cluster_module, "CONNECT_S", 1)
    (recipe,) = draw_products(tmp_path, "a")
    assert build(recipe, encrypted, folder, ca=ca, who=who) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith(f"goodpart-bank: --scheduler {encrypted}: expected a Dask scheduler")
    assert not (tmp_path / "bundles" / "a").exists()


@pytest.mark.parametrize(
    ("option", "file", "words"),
    [
        ("--tls-cert", "none.pem", "--tls-cert: expected a PEM file at "),
        ("--tls-ca", "client.key", "--tls-ca "),
        ("--tls-cert", "client.key", "--tls-cert "),
        ("--tls-key", "stranger.key", "its key without a passphrase"),
        ("--tls-key", "locked.key", "its key without a passphrase"),
    ],
)
def test_a_wrong_file_is_named_before_any_work(folder, tmp_path, capsys, option, file, words):
    from cryptography.hazmat.primitives import serialization

    plain = serialization.load_pem_private_key((folder / "client.key").read_bytes(), None)
    how = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "locked.key").write_bytes(plain.private_bytes(*how, serialization.BestAvailableEncryption(b"secret")))
    (recipe,) = draw_products(tmp_path, "a", images=1)
    tls = {"--tls-ca": "ca.pem", "--tls-cert": "client.pem", "--tls-key": "client.key", option: file}
    given = [word for name, each in tls.items() for word in (name, str(folder / each))]
    assert main(["build-all", str(recipe), "--scheduler", "tls://127.0.0.1:1", *given]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert words in error and "expected" in error


def test_ctrl_c_takes_back_what_has_not_begun(folder, tmp_path):
    """The worker waits for the lock of "a"; it finishes "a" when it gets it, and never begins "b"."""
    import distributed

    recipes = draw_products(tmp_path, "ab")
    lock = lock_file(tmp_path / "bundles" / "a")
    lock.parent.mkdir()
    lock.touch()
    with local() as cluster, distributed.Client(cluster, set_as_default=False) as client:
        command = [sys.executable, "-m", "goodpart_bank_builder.cli.main", "build-all", *map(str, recipes)]
        held = hold(lock)
        with subprocess.Popen(
            [*command, "--scheduler", cluster.scheduler_address], stdout=-1, stderr=-1, text=True
        ) as process:
            while process.poll() is None and not any(client.processing().values()):
                pass
            process.send_signal(signal.SIGINT)
            printed, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert errors.splitlines()[-1].endswith("interrupted; nothing half-written is left")
        assert "Traceback" not in errors
        assert printed == ""
        os.close(held)
        while any(client.processing().values()) or client.run_on_scheduler(
            lambda dask_scheduler: len(dask_scheduler.tasks)
        ):
            pass
        while read_built(tmp_path / "bundles" / "a") is None:
            pass
    assert not list((tmp_path / "bundles").glob(".*"))
    states = {each.row.product: each.row.state.value for each in check_products(recipes, threads=1, force=False)}
    assert states == {"a": "up to date", "b": "out of date"}
