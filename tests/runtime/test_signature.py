"""Signatures and serials: with a key, only what its owner signed; on request, nothing older."""

import shutil
import sys
from pathlib import Path

import pytest

from broken_bundles import change_json, repair
from goodpart.cli.main import main
from goodpart.errors import BundleError, MissingExtraError, RollbackError, SignatureError, UsageError
from goodpart.inspector import Inspector

pytest.importorskip("cryptography", reason="needs goodpart[signing]")

FIXTURES = Path(__file__).parents[1] / "fixtures"
PUBLIC_KEY = FIXTURES / "format_1.pub"


@pytest.fixture
def signed(tmp_path) -> Path:
    return Path(shutil.copytree(FIXTURES / "format_1", tmp_path / "bar"))


def refused(folder, error, *words, key=PUBLIC_KEY, minimum_serial=0):
    with pytest.raises((BundleError, UsageError)) as caught:
        Inspector.load(folder, public_key=key, minimum_serial=minimum_serial)
    assert type(caught.value) is error, repr(caught.value)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_an_unsigned_bundle_is_refused_where_a_key_is_configured(signed):
    (signed / "manifest.sig").unlink()
    Inspector.load(signed)
    refused(signed, SignatureError, "manifest.sig", "only bundles signed with", "format_1.pub")


def new_key(public: Path):
    """A key pair; the public one is written."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    private = ed25519.Ed25519PrivateKey.generate()
    pem, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(private.public_key().public_bytes(pem, form))
    return private


def test_a_signature_of_another_key(signed, tmp_path):
    other = tmp_path / "other.pub"
    new_key(other)
    refused(signed, SignatureError, "manifest.sig", "found another", key=other)


@pytest.mark.parametrize("offset", [0, 31, 32, 63])
def test_a_flipped_bit_in_the_signature(signed, offset):
    data = bytearray((signed / "manifest.sig").read_bytes())
    data[offset] ^= 1
    (signed / "manifest.sig").write_bytes(data)
    refused(signed, SignatureError, "manifest.sig")


@pytest.mark.parametrize("size", [0, 63, 65, 100_000])
def test_a_signature_of_another_size(signed, size):
    (signed / "manifest.sig").write_bytes(bytes(size))
    refused(signed, SignatureError, "manifest.sig")


def test_a_manifest_with_repaired_hashes_is_no_longer_signed(signed):
    change_json(signed / "manifest.json", lambda facts: facts.update(serial=8))
    Inspector.load(signed)
    refused(signed, SignatureError, "found another")


def test_a_file_with_repaired_hashes_is_no_longer_signed(signed):
    change_json(signed / "calibration.json", lambda facts: facts.update(promise="everything"))
    repair(signed)
    refused(signed, SignatureError, "found another")


def test_a_changed_file_behind_a_right_signature(signed):
    with (signed / "bank.npy").open("r+b") as file:
        file.seek(200)
        file.write(b"x")
    with pytest.raises(BundleError, match=r"bank\.npy: expected sha256"):
        Inspector.load(signed, public_key=PUBLIC_KEY)


def test_the_signature_of_an_older_bundle_does_not_fit_a_newer_one(signed, newer):
    folder = Path(shutil.copytree(newer, signed.parent / "newer"))
    shutil.copy(signed / "manifest.sig", folder)
    refused(folder, SignatureError, "found another")


def test_a_signature_that_is_a_link(signed, tmp_path):
    (signed / "manifest.sig").rename(tmp_path / "elsewhere")
    (signed / "manifest.sig").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="plain file"):
        Inspector.load(signed, public_key=PUBLIC_KEY)


def test_an_older_serial(signed):
    Inspector.load(signed, minimum_serial=7)
    refused(signed, RollbackError, "expected serial 8 or later, found 7", key=None, minimum_serial=8)


def other_keys(folder):
    """PEM files that are no Ed25519 public key."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    private, curve = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    yield "nonsense", b"nonsense"
    yield "empty", b""
    yield "private", private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    yield "curve", curve.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    yield "huge", bytes(1 << 17)


@pytest.mark.parametrize("number", range(5))
def test_a_public_key_that_is_none(signed, tmp_path, number):
    name, data = list(other_keys(tmp_path))[number]
    (tmp_path / name).write_bytes(data)
    refused(signed, UsageError, name, "expected", key=tmp_path / name)


def test_a_public_key_that_is_not_there(signed, tmp_path):
    refused(signed, UsageError, "nowhere.pub", "expected a key file", key=tmp_path / "nowhere.pub")
    refused(signed, UsageError, key=tmp_path)


def test_without_the_extra_a_key_is_an_error_and_no_key_is_fine(signed, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    Inspector.load(signed)
    refused(signed, MissingExtraError, "pip install './runtime[signing]' in a clone", "wheelhouse without --slim")


@pytest.mark.parametrize(
    "command",
    [["info"], ["verify"], ["selftest"], ["threshold"], ["bench", "--frames", "2"], ["tune", "--frames", "2"]],
)
def test_every_command_asks_for_the_signature(signed, command, capsys, monkeypatch):
    asked = [command[0], str(signed), *command[1:]]
    assert main([*asked, "--public-key", str(PUBLIC_KEY)]) == 0
    monkeypatch.setenv("GOODPART_PUBLIC_KEY", str(PUBLIC_KEY))
    assert main(asked) == 0
    (signed / "manifest.sig").unlink()
    capsys.readouterr()
    assert main(asked) == 3
    assert main([*asked, "--minimum-serial", "8"]) == 3
    assert capsys.readouterr().err.count("\n") == 2
    monkeypatch.delenv("GOODPART_PUBLIC_KEY")
    assert main([*asked, "--minimum-serial", "8"]) == 3
    assert "expected serial 8 or later, found 7" in capsys.readouterr().err


def test_score_asks_for_the_signature(signed, tmp_path, capsys):
    frame = signed / "golden" / "000.npy"
    asked = ["score", str(signed), str(frame), "--public-key", str(PUBLIC_KEY)]
    assert main(asked) == 0
    (signed / "manifest.sig").unlink()
    assert main(asked) == 3


def test_verify_says_who_signed(signed, capsys):
    assert main(["verify", str(signed)]) == 0
    assert "serial 7, signature not checked" in capsys.readouterr().out
    assert main(["verify", str(signed), "--public-key", str(PUBLIC_KEY)]) == 0
    assert f"serial 7, signed by {PUBLIC_KEY}" in capsys.readouterr().out


def test_signing_anew_is_taken(signed, tmp_path):
    public = tmp_path / "key.pub"
    (signed / "manifest.sig").write_bytes(new_key(public).sign((signed / "manifest.json").read_bytes()))
    Inspector.load(signed, public_key=public)
    refused(signed, SignatureError)
