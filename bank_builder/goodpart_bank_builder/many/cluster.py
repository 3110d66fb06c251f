"""Cluster: builds products on the workers of a Dask scheduler, one product per task, on a shared folder.

A scheduler runs whatever anybody who reaches it sends, so it is used on this machine or through TLS alone.
"""

import dataclasses
import importlib.metadata
import ipaddress
import logging
import ssl
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from goodpart._host.strict_json import from_plain, to_plain
from goodpart.cli.rows import tell
from goodpart.errors import MissingExtraError, UsageError, found_at
from goodpart_bank_builder.learn.workspace import cpu_digest
from goodpart_bank_builder.life.stamp import PACKAGES, Stamp
from goodpart_bank_builder.many.check import Checked
from goodpart_bank_builder.many.product import build_product
from goodpart_bank_builder.many.row import Row

RETRIES = 3
CONNECT_S = 10
"""How long a scheduler may take to answer, in seconds."""

_COMPUTING = ("numpy", "onnxruntime", "hnswlib", "opencv-python-headless")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster:
    """How a scheduler is reached.

    Attributes:
        address: `tcp://HOST:PORT` of this machine, or `tls://HOST:PORT`.
        ca, cert, key: files of the certificate authority and of the client's certificate and key, for TLS.
    """

    address: str
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.address)
            known = parts.scheme in ("tcp", "tls") and bool(parts.hostname) and parts.port is not None
        except ValueError:
            known = False
        if not known:
            raise UsageError(f"--scheduler: expected tcp://HOST:PORT or tls://HOST:PORT, found {self.address!r}")
        tls = (self.ca, self.cert, self.key)
        if parts.scheme == "tls" and None in tls:
            raise UsageError(
                f"--scheduler {self.address}: expected --tls-ca, --tls-cert and --tls-key, found not all of them"
            )
        if parts.scheme == "tcp" and any(tls):
            raise UsageError(f"--scheduler {self.address}: expected tls:// with the --tls options, found tcp://")
        if parts.scheme == "tcp" and not _is_loopback(str(parts.hostname)):
            raise UsageError(
                f"--scheduler {self.address}: expected an address of this machine (127.0.0.1), found another one; a "
                f"scheduler runs what anybody sends who reaches it: use tls:// with --tls-ca, --tls-cert and --tls-key"
            )
        if self.ca is not None and self.cert is not None and self.key is not None:
            check_certificates(self.ca, self.cert, self.key)

    def build(self, wanted: Sequence[Checked]) -> Iterator[Row]:
        """Builds products; gives each row when its product is done. A worker that dies is replaced by another one.

        Args:
            wanted: the products.

        Raises:
            MissingExtraError: Dask is not installed.
            UsageError: no scheduler, no workers, or workers with another version of the builder.
        """
        distributed = import_distributed()
        # what a task raises is in its row, and what a worker loses is tried again
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            client = distributed.Client(
                self.address, security=self._security(distributed), set_as_default=False, timeout=CONNECT_S
            )
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--scheduler {self.address}: expected a Dask scheduler, found none ({error}); start one"
            ) from error
        with client:
            check_workers(client, self.address)
            run = uuid.uuid4().hex
            futures = {
                client.submit(
                    build_on_worker,
                    str(Path(each.row.recipe).resolve()),
                    to_plain(each.stamp),
                    key=f"goodpart-build-{run}-{number}",
                    retries=RETRIES,
                    pure=False,
                ): each.row
                for number, each in enumerate(wanted)
            }
            try:
                for future in distributed.as_completed(list(futures), loop=client.loop):
                    yield _row_of(future, futures[future])
            finally:
                client.cancel(list(futures))

    def _security(self, distributed: Any) -> Any:
        if self.ca is None:
            return None
        return distributed.Security(
            require_encryption=True,
            tls_ca_file=str(self.ca),
            tls_client_cert=str(self.cert),
            tls_client_key=str(self.key),
        )


def check_certificates(ca: Path, cert: Path, key: Path) -> None:
    """Refuses files that TLS cannot use; Dask would only say that it finds no scheduler, or ask for a passphrase.

    Raises:
        UsageError: a file is missing or no PEM, the key is not that of the certificate, or it has a passphrase.
    """
    for option, file in (("--tls-ca", ca), ("--tls-cert", cert), ("--tls-key", key)):
        if not file.is_file():
            raise UsageError(f"{option}: expected a PEM file at {file}, found {found_at(file)}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(ca)
    except OSError as error:
        raise UsageError(f"--tls-ca {ca}: expected certificates as PEM, found others ({error})") from error
    try:
        context.load_cert_chain(cert, key, password=lambda: "")
    except OSError as error:
        raise UsageError(
            f"--tls-cert {cert} --tls-key {key}: expected a PEM certificate and its key without a passphrase, found "
            f"others ({error})"
        ) from error


def import_distributed() -> Any:
    """The package `distributed`.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise MissingExtraError(
            "--scheduler: expected Dask, found none; install goodpart-bank-builder[dask]"
        ) from error
    return distributed


def build_on_worker(recipe: str, stamp: dict[str, Any]) -> dict[str, Any]:
    """The task: builds a product in a worker; a second attempt finds it built, or makes the same bundle.

    Args:
        recipe: path on a folder that all machines share.
        stamp: what the client saw there.
    """
    row = build_product(Path(recipe), wait=True, stamp=from_plain(Stamp, stamp, where="stamp"))
    plain: dict[str, Any] = to_plain(row)
    return plain


def machine_facts() -> dict[str, str]:
    """What decides whether two machines make the same bytes: versions of packages, and the kind of CPU."""
    return {"CPU": cpu_digest(), **{name: importlib.metadata.version(name) for name in (*PACKAGES, *_COMPUTING)}}


def check_workers(client: Any, address: str) -> None:
    """Compares the workers with this machine; tells on stderr where they may make other bytes.

    Args:
        client: of the scheduler.
        address: of the scheduler, for messages.

    Raises:
        UsageError: there is no worker, or one has another version of the builder or of Dask.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # differing versions of Python that Dask can live with
            client.get_versions(check=True)
        facts: Mapping[str, Mapping[str, str]] = client.run(machine_facts)
    except (ValueError, ImportError, AttributeError) as error:
        raise UsageError(
            f"--scheduler {address}: expected workers with the packages of this machine, found others ({error})"
        ) from error
    if not facts:
        raise UsageError(f"--scheduler {address}: expected workers, found none; start some")
    for sentence in differences(machine_facts(), facts):
        tell(f"--scheduler {address}: {sentence}")


def differences(own: Mapping[str, str], workers: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Where workers may make other bytes than this machine, in sentences.

    Args:
        own: facts of this machine, see `machine_facts`.
        workers: facts of every worker, by its address.

    Raises:
        UsageError: a worker has another version of the builder.
    """
    found = []
    for name, fact in own.items():
        others = {worker: each.get(name, "none") for worker, each in workers.items() if each.get(name) != fact}
        if not others:
            continue
        worker, other = next(iter(others.items()))
        if name in PACKAGES:
            raise UsageError(f"{worker}: expected {name} {fact} as on this machine, found {other}; install the same")
        found.append(
            f"{len(others)} of {len(workers)} workers have another {name} than this machine ({worker}: {other}, here "
            f"{fact}): their bundles may differ from those of this machine in the last bits"
        )
    return found


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _row_of(future: Any, row: Row) -> Row:
    error = future.exception()
    if error is None:
        made = from_plain(Row, future.result(), where="worker")
        # as it was given here; the worker was given the whole path
        return dataclasses.replace(made, recipe=row.recipe, bundle=row.bundle)
    return row.failed(f"expected a whole build, found workers that died {RETRIES + 1} times ({type(error).__name__})")
