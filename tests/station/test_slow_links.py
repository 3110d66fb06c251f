"""Links that take longer to open than a source may be silent."""

import dataclasses

from goodpart_station.codes import State
from goodpart_station.running import Plugs, started
from station_parts import Site, until


class Slow:
    """A link that opens an hour later, as far as signs of life can tell."""

    def __init__(self, engine):
        self._life = engine.life

    async def open(self):
        self._life._last_ns = dict.fromkeys(self._life._last_ns, -3600 * 10**9)

    async def close(self):
        pass


def test_a_link_that_opens_slowly_is_no_fault_of_the_source(tmp_path):
    site = Site(tmp_path)
    plan = dataclasses.replace(site.plan, plugs=lambda engine: Plugs(links=[Slow(engine)]))
    with started(plan) as engine:
        # the loop has looked at the source
        until(lambda: engine.status().heartbeat > 0)
        assert engine.status().state is State.STARTING
