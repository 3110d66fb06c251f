"""`goodpart-bank keygen` and `sign`: only whole bundles are signed, and no key is ever lost."""

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from goodpart.errors import BundleError, UsageError
from goodpart.inspector import Inspector
from goodpart_bank_builder.build.build import BuildSettings
from goodpart_bank_builder.build.sign import make_keys, sign_bundle
from goodpart_bank_builder.cli.main import main
from small_network import small_bundle

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1"


@pytest.fixture
def folder(tmp_path) -> Path:
    copy = Path(shutil.copytree(FORMAT_1, tmp_path / "bar"))
    (copy / "manifest.sig").unlink()
    return copy


def test_a_key_pair_signs_and_is_recognised(folder, tmp_path, capsys):
    key = tmp_path / "maker.key"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(["keygen", str(key)]) == 0
    assert main(["sign", str(folder), "--key", str(key)]) == 0
    assert "serial 7, digest b87fce38" in capsys.readouterr().out
    Inspector.load(folder, public_key=tmp_path / "maker.key.pub")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after.keys() - before.keys() == {folder / "manifest.sig"}
    assert before.items() <= after.items()


def test_openssl_agrees(folder, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    key = tmp_path / "openssl.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", f"{key}.pub"], check=True)
    assert main(["sign", str(folder), "--key", str(key)]) == 0
    Inspector.load(folder, public_key=f"{key}.pub")
    files = ["-in", folder / "manifest.json", "-sigfile", folder / "manifest.sig"]
    asked = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"{key}.pub", "-rawin", *files]
    assert subprocess.run(asked, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("taken", ["maker.key", "maker.key.pub"])
def test_no_key_is_ever_replaced(tmp_path, taken, capsys):
    (tmp_path / taken).write_text("precious")
    assert main(["keygen", str(tmp_path / "maker.key")]) == 2
    assert "keys are never replaced" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "precious"


def test_a_damaged_bundle_is_not_signed(folder, tmp_path):
    assert main(["keygen", str(tmp_path / "key")]) == 0
    with (folder / "bank.hnsw").open("ab") as file:
        file.write(b"x")
    assert main(["sign", str(folder), "--key", str(tmp_path / "key")]) == 3
    assert not (folder / "manifest.sig").exists()


def test_keys_that_cannot_sign(folder, tmp_path, capsys):
    key = ed25519.Ed25519PrivateKey.generate()
    encrypted = serialization.BestAvailableEncryption(b"secret")
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "locked").write_bytes(key.private_bytes(pem, pkcs8, encrypted))
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public").write_bytes(public)
    for name in ("locked", "public", "nowhere"):
        assert main(["sign", str(folder), "--key", str(tmp_path / name)]) == 2
        assert name in capsys.readouterr().err
    assert not (folder / "manifest.sig").exists()


def test_a_serial_is_stated_and_bounded(tmp_path):
    bundle = small_bundle(tmp_path / "from", tmp_path / "bar", serial=20261125)
    assert json.loads((bundle / "manifest.json").read_text())["serial"] == 20261125
    for serial in (-1, 2**53):
        with pytest.raises(UsageError, match="serial: expected 0 to 9007199254740991"):
            BuildSettings(good_dir=tmp_path, backbone=tmp_path, out=tmp_path / "new", serial=serial)


def test_forcing_replaces_a_signed_bundle_by_an_unsigned_one(tmp_path):
    bundle = small_bundle(tmp_path / "from", tmp_path / "bar", serial=1)
    assert main(["keygen", str(tmp_path / "key")]) == 0
    assert main(["sign", str(bundle), "--key", str(tmp_path / "key")]) == 0
    small_bundle(tmp_path / "from", bundle, serial=2, force=True)
    assert not (bundle / "manifest.sig").exists()
    with pytest.raises(BundleError, match="only bundles signed"):
        Inspector.load(bundle, public_key=tmp_path / "key.pub")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_signs_nothing(folder, tmp_path, mode):
    key = tmp_path / "line.key"
    make_keys(key)
    key.chmod(mode)
    with pytest.raises(UsageError, match=f"found mode {mode:04o}; run chmod 600"):
        sign_bundle(folder, key)
    assert not (folder / "manifest.sig").exists()
    key.chmod(0o400)
    sign_bundle(folder, key)
