"""The server's own certificate: how it is made, and what is wrong with one that is there."""

import dataclasses
import datetime
import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from goodpart import UsageError
from goodpart_station.opcua.options import WHERE

KEY_BITS = 2048
"""Shortest key of the security policies offered, and what small PLCs can still work with."""

_KEY_BITS_MOST = 4096

_VALID = datetime.timedelta(days=5 * 365)

_SOON = datetime.timedelta(days=60)
"""An own certificate that ends so soon is worth a warning."""

_FILE_BYTES_MOST = 1 << 16

_READABLE_BY_OTHERS = 0o077


@dataclasses.dataclass(frozen=True)
class Identity:
    """A certificate and the private key that belongs to it."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def make_identity(uri: str, *, station: str, host: str, now: datetime.datetime | None = None) -> Identity:
    """Makes a certificate that signs itself, with a key of its own. Clients trust it by name, once.

    What it states is what OPC 10000-6, 6.2.2 demands of an application's certificate.

    Args:
        uri: what the server calls itself.
        station: the station's name.
        host: the IP address that the server listens on.
        now: the time from which on it is valid, UTC; None for now.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    begin = datetime.datetime.now(datetime.timezone.utc) if now is None else now
    names = [x509.NameAttribute(NameOID.COMMON_NAME, f"goodpart {station}"[:64])]
    known = x509.SubjectAlternativeName(
        [
            x509.UniformResourceIdentifier(uri),
            x509.DNSName(socket.gethostname()),
            x509.IPAddress(ipaddress.ip_address(host)),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True,
        key_cert_sign=True, key_agreement=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(names))
        .issuer_name(x509.Name(names))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # the clock of a client may be behind
        .not_valid_before(begin - datetime.timedelta(days=1))
        .not_valid_after(begin + _VALID)
        .add_extension(known, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Identity(certificate, key)


def certificate_bytes(identity: Identity, *, der: bool = False) -> bytes:
    """The certificate as PEM or DER, in which clients mostly want it."""
    return identity.certificate.public_bytes(serialization.Encoding.DER if der else serialization.Encoding.PEM)


def key_bytes(identity: Identity) -> bytes:
    """The key as PEM, without a password: the station starts without a person."""
    return identity.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read_identity(certificate: Path, key: Path) -> Identity:
    """Reads certificate and key, each as PEM or DER.

    Args:
        certificate: its file.
        key: its file, which nobody but its owner may read.

    Raises:
        UsageError: a file cannot be read, holds something else, others may read the key, or the two do not fit.
    """
    found = _certificate(_read(certificate, "certificate"), certificate)
    private = _key(_read(key, "key", secret=True), key)
    public = found.public_key()
    if not isinstance(public, rsa.RSAPublicKey) or public.public_numbers() != private.public_key().public_numbers():
        raise UsageError(
            f"[{WHERE}] key: expected the key of the certificate {certificate}, found another one in {key}; name the "
            f"two that belong together"
        )
    if not KEY_BITS <= private.key_size <= _KEY_BITS_MOST:
        raise UsageError(
            f"[{WHERE}] key: expected {KEY_BITS} to {_KEY_BITS_MOST} bits, found {private.key_size} in {key}; make "
            f"another: goodpart-station opcua certificate"
        )
    return Identity(found, private)


def faults(certificate: x509.Certificate, *, uri: str, host: str) -> Iterator[str]:
    """What clients would not accept about a certificate: dates, and names that do not fit.

    Args:
        certificate: the server's own.
        uri: what the server calls itself.
        host: the IP address that the server listens on.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    if now > certificate.not_valid_after_utc:
        yield (
            f"certificate: expected one that is valid today, found one that ended on "
            f"{_day(certificate.not_valid_after_utc)}; make another: goodpart-station opcua certificate --force"
        )
    if now < certificate.not_valid_before_utc:
        yield (
            f"certificate: expected one that is valid today, found one from {_day(certificate.not_valid_before_utc)} "
            f"on; set the clock, or wait"
        )
    uris, addresses = named(certificate)
    if uri not in uris:
        yield (
            f"certificate: expected the application URI {uri}, found {', '.join(uris) or 'none'}; make another: "
            f"goodpart-station opcua certificate --force"
        )
    if host not in addresses:
        yield (
            f"certificate: expected the address {host}, found {', '.join(addresses) or 'none'}; clients may refuse it: "
            f"goodpart-station opcua certificate --force"
        )


def warning(certificate: x509.Certificate) -> str | None:
    """Says when a certificate that is still valid ends, if that is soon."""
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)
    if not datetime.timedelta(0) <= left <= _SOON:
        return None
    return (
        f"certificate: ends in {left.days} days, on {_day(certificate.not_valid_after_utc)}; make another in time: "
        f"goodpart-station opcua certificate --force. Clients have to trust it anew"
    )


def parsed(data: bytes) -> x509.Certificate | None:
    """The certificate that PEM or DER holds, or None, also if its names or dates cannot be read.

    A stranger may have sent anything: what comes back can be shown and compared without a further error.
    """
    try:
        is_pem = data.lstrip().startswith(b"-----BEGIN")
        found = x509.load_pem_x509_certificate(data) if is_pem else x509.load_der_x509_certificate(data)
        # cryptography reads each of them when it is asked for, and raises many kinds of errors then
        _ = found.not_valid_before_utc, found.not_valid_after_utc, found.subject.rfc4514_string(), named(found)
    except Exception:  # noqa: BLE001
        return None
    return found


def is_in_date(certificate: x509.Certificate) -> bool:
    """Whether a certificate is valid now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def has_ended(certificate: x509.Certificate) -> bool:
    """Whether a certificate was valid once, and is so no more."""
    return datetime.datetime.now(datetime.timezone.utc) > certificate.not_valid_after_utc


def named(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    """The application URIs and the IP addresses that a certificate states."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return [], []
    addresses = names.get_values_for_type(x509.IPAddress)
    return names.get_values_for_type(x509.UniformResourceIdentifier), [str(each) for each in addresses]


def _day(at: datetime.datetime) -> str:
    return at.date().isoformat()


def _read(path: Path, what: str, *, secret: bool = False) -> bytes:
    make = "goodpart-station opcua certificate FILE.toml makes both"
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode & 0o777
            data = file.read(_FILE_BYTES_MOST)
    except OSError as error:
        raise UsageError(
            f"[{WHERE}] {what}: expected a file at {path}, found none ({error.strerror}); {make}"
        ) from error
    if secret and mode & _READABLE_BY_OTHERS:
        raise UsageError(
            f"[{WHERE}] {what}: expected a file that only its owner can read, found mode {mode:04o} at {path}; chmod "
            f"600 it, and make another certificate if a stranger may have read it"
        )
    return data


def _certificate(data: bytes, path: Path) -> x509.Certificate:
    found = parsed(data)
    if found is None:
        raise UsageError(
            f"[{WHERE}] certificate: expected a certificate as PEM or DER, found something else in {path}; correct it"
        )
    return found


def _key(data: bytes, path: Path) -> rsa.RSAPrivateKey:
    try:
        is_pem = data.lstrip().startswith(b"-----BEGIN")
        load = serialization.load_pem_private_key if is_pem else serialization.load_der_private_key
        key = load(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"[{WHERE}] key: expected an RSA key as PEM or DER, without a password, found something else in {path}; "
            f"correct it"
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UsageError(f"[{WHERE}] key: expected an RSA key, found another kind in {path}; OPC UA needs RSA")
    return key
