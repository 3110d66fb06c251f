"""An OPC UA server that fails: the station judges on, and clients find the server again."""

import asyncio
import logging

from asyncua import Client

from goodpart_station.opcua import server
from goodpart_station.opcua.variables import Variables
from goodpart_station.tokens import Role
from opcua_site import OpcuaSite
from station_parts import until


def test_a_server_that_fails_starts_anew(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(server, "_AGAIN_S", 0.0)
    tell, failures = Variables.tell, [RuntimeError("once")]

    async def fails_once(self, news):
        if failures:
            raise failures.pop()
        await tell(self, news)

    monkeypatch.setattr(Variables, "tell", fails_once)
    site = OpcuaSite(tmp_path)
    with site.running() as engine:
        engine.trigger(None)
        until(lambda: any("has failed" in record.message for record in caplog.records))
        site.picture(100)
        first = site.records.next()
        until(lambda: _seq(site) == first.part.seq)
        engine.trigger(None)
        site.picture(101)
        second = site.records.next()
        until(lambda: _seq(site) == second.part.seq)
    assert [record.levelno for record in caplog.records if "has failed" in record.message] == [logging.CRITICAL]


def _seq(site):
    """What a client reads, or None while it finds no server."""
    return asyncio.run(_read(site))


async def _read(site):
    client = Client(site.url)
    client.set_user(Role.VIEWER.value)
    client.set_password(site.tokens[Role.VIEWER])
    try:
        async with client:
            number = await client.get_namespace_index("urn:goodpart:station")
            objects = await client.nodes.objects.get_children()
            found = [node for node in objects if (await node.read_browse_name()).Name == "Station"]
            return await (await found[0].get_child(f"{number}:Seq")).read_value()
    except (OSError, asyncio.TimeoutError):
        return None
