"""`goodpart-station opcua`: the server's certificate, and the clients whose certificates are trusted."""

import argparse
import dataclasses
import os
from pathlib import Path

from goodpart._host.atomic import write_file
from goodpart.cli.common import Command, print_json
from goodpart.cli.options import add_json_option
from goodpart.cli.rows import say
from goodpart.errors import UsageError
from goodpart_station.config.config import Config, read_config
from goodpart_station.opcua.certificates import certificate_bytes, key_bytes, make_identity
from goodpart_station.opcua.options import WHERE, application_uri
from goodpart_station.opcua.trust import Client, TrustList

SUMMARY = "Make the certificate of the OPC UA server, and say which clients are trusted."


class _Certificate:
    SUMMARY = "Make a certificate that signs itself, and its key, where the station's file says."

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.toml", help="the station's file")
        parser.add_argument(
            "--force", action="store_true", help="replace those that are there; clients have to trust the new one"
        )

    def run(self, options: argparse.Namespace) -> int:
        config = read_config(options.file, with_source=False)
        table = config.opcua
        if table is None or table.certificate is None or table.key is None:
            raise UsageError(
                f"{options.file}: expected certificate and key in [{WHERE}], found none; add both, with the paths of "
                f"the files to make"
            )
        for path in (table.certificate, table.key):
            if path.exists() and not options.force:
                raise UsageError(f"{path}: expected no file yet, found one; give --force to replace it")
        replaces = table.certificate.exists() or table.key.exists()
        uri = application_uri(config.station.name)
        made = make_identity(uri, station=config.station.name, host=table.listen.host)
        # the key first: a certificate without its key would look whole
        for path, data, mode in (
            (table.key, key_bytes(made), 0o600),
            (table.certificate, certificate_bytes(made, der=table.certificate.suffix == ".der"), 0o644),
        ):
            write_file(path, data, mode=mode)
            _give(path, config)
        ends = made.certificate.not_valid_after_utc.date().isoformat()
        say(
            f"{table.certificate}: written, with the key {table.key}; valid until {ends}",
            f"{uri} at {table.listen.host}: give the certificate to the clients, which have to trust it",
        )
        if replaces:
            say("restart the station: one that runs goes on with the certificate before")
        return 0


class _Clients:
    SUMMARY = "List the certificates of clients: those trusted, and those that were refused."

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.toml", help="the station's file")
        add_json_option(parser)

    def run(self, options: argparse.Namespace) -> int:
        for client in _trust(options).clients():
            _show(client, as_json=options.json)
        return 0


class _Trust:
    SUMMARY = "Trust the certificate of a client that was refused; a station that runs knows it within two seconds."

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        _add_fingerprint(parser)

    def run(self, options: argparse.Namespace) -> int:
        _show(_trust(options).trust(options.fingerprint), as_json=options.json)
        return 0


class _Distrust:
    SUMMARY = "Trust the certificate of a client no more; its connections end within two seconds."

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        _add_fingerprint(parser)

    def run(self, options: argparse.Namespace) -> int:
        _show(_trust(options).distrust(options.fingerprint), as_json=options.json)
        return 0


COMMANDS: dict[str, Command] = {
    "certificate": _Certificate(),
    "clients": _Clients(),
    "trust": _Trust(),
    "distrust": _Distrust(),
}
"""The commands below `opcua`."""


def _add_fingerprint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.toml", help="the station's file")
    parser.add_argument(
        "fingerprint", metavar="FINGERPRINT", help="of the certificate, or its beginning, as `clients` shows it"
    )
    add_json_option(parser)


def _trust(options: argparse.Namespace) -> TrustList:
    return TrustList(read_config(options.file, with_source=False).station.data)


def _show(client: Client, *, as_json: bool) -> None:
    if as_json:
        print_json(dataclasses.asdict(client))
        return
    word = "trusted" if client.trusted else "rejected"
    ended = " (ended)" if client.ended else ""
    say(f"{word:<9} {client.fingerprint}  {client.begins} to {client.ends}{ended}  {client.subject}  {client.uri}")


def _give(path: Path, config: Config) -> None:
    """An administrator makes files for the station's user, to whom the data folder belongs."""
    if os.geteuid() == 0 and config.station.data.is_dir():
        owner = config.station.data.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
