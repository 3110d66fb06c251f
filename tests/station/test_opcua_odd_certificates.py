"""Certificates of strangers that can be loaded, and fail when their names or dates are looked at."""

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtensionOID, NameOID

from goodpart_station.opcua.certificates import parsed
from goodpart_station.opcua.trust import TrustList

ENDS = datetime.datetime(2060, 1, 1, tzinfo=datetime.timezone.utc)
ENDS_BYTES = b"20600101000000Z"


def made(**extension):
    """A certificate, DER."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a stranger")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(ENDS - datetime.timedelta(days=1)).not_valid_after(ENDS)
    for value in extension.values():
        builder = builder.add_extension(value, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


# a name of the kind x400Address, which cryptography does not know
NAMELESS = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes.fromhex("3002a300"))


@pytest.mark.parametrize(
    "odd",
    [
        made(names=NAMELESS),
        made().replace(ENDS_BYTES, b"00000101000000Z"),
        made().replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020105")),
    ],
    ids=["a name of another kind", "the year 0", "an unknown version"],
)
def test_a_strange_certificate_costs_neither_the_list_nor_later_strangers(odd, tmp_path):
    trust, plain = TrustList(tmp_path), made()
    assert parsed(plain) is not None
    trust.meet(odd)
    trust.meet(plain)
    trust.refresh()
    # also where it lies there already
    (tmp_path / "opcua" / "rejected" / "odd.der").write_bytes(odd)
    assert [each.fingerprint for each in trust.clients()] == [hashlib.sha256(plain).hexdigest()]
