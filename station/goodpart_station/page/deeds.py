"""What people do at the page: labels, product, halt, reset, resync, threshold, drift. All of it is audited."""

import logging
import time
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from goodpart import UsageError
from goodpart_station.codes import Command, Reason
from goodpart_station.gate import Visitor
from goodpart_station.page.around import Around
from goodpart_station.page.desk import Desk
from goodpart_station.page.options import PageTable
from goodpart_station.page.shield import MOST_SEQ, Handler, MalformedError, body, number, problem
from goodpart_station.page.threshold import preview, set_threshold
from goodpart_station.page.words import refused_command
from goodpart_station.tokens import Role

_log = logging.getLogger("goodpart_station.page")


class Deeds:
    """The handlers of all POST routes that change something, and what the threshold's slider asks."""

    def __init__(self, config: PageTable, around: Around, desk: Desk) -> None:
        """Takes what it works with."""
        self._config, self._around, self._desk = config, around, desk

    def by_role(self) -> dict[Role, dict[str, Handler]]:
        """The routes, by the least role that may use them."""
        return {
            Role.OPERATOR: {
                "/label": self.label,
                "/product": self.product,
                "/halt": partial(self._command, Command.HALT),
                "/reset": partial(self._command, Command.RESET),
                "/resync": partial(self._command, Command.RESYNC),
            },
            Role.ENGINEER: {"/threshold": self.set_threshold, "/drift": self.drift},
        }

    async def label(self, request: Request, visitor: Visitor) -> Response:
        """Labels a kept frame, or takes its label away: `{boot, seq, label}`."""
        asked, ring = await body(request, boot=str, seq=int, label=(str, type(None))), self._around.ring
        if ring is None:
            raise UsageError("label: expected a station that keeps frames, found one without [ring]")

        def label() -> None:
            known = 0 <= asked["seq"] <= MOST_SEQ
            kept = ring.frames.frame_of(asked["boot"], asked["seq"]) if known else None
            if kept is None:
                raise UsageError(f"part {asked['seq']}: expected a kept frame, found none; only kept frames get labels")
            ring.label(kept.id, asked["label"], who=visitor.name, at=time.time())

        await self._desk.do(label)
        _log.info("%s labelled part %d of %s: %s", visitor.name, asked["seq"], asked["boot"], asked["label"])
        return JSONResponse({"label": asked["label"]})

    async def product(self, request: Request, visitor: Visitor) -> Response:
        """Has another product prepared: `{number}`."""
        wanted = (await body(request, number=int))["number"]
        if wanted not in self._around.products.numbers:
            raise UsageError(f"product: expected the number of a product, found {wanted}")
        return await self._do(Command.PREPARE, visitor, product=wanted)

    async def _command(self, command: Command, request: Request, visitor: Visitor) -> Response:
        await body(request)
        return await self._do(command, visitor)

    async def _do(self, command: Command, visitor: Visitor, *, product: int = 0) -> Response:
        reason = self._around.line.command(command, product=product, who=visitor.name)
        if reason is not Reason.NONE:
            return problem(409, refused_command(reason))
        await self._note(visitor, command.name.lower(), None, str(product) if product else None)
        return JSONResponse({"done": command.name})

    async def threshold(self, request: Request, _: Visitor) -> Response:
        """What the slider shows for a value, or for the threshold in force: `?value=`."""
        value = number(request, "value")
        return JSONResponse(await self._desk.do(lambda: preview(self._around, self._config.threshold_range, value)))

    async def set_threshold(self, request: Request, visitor: Visitor) -> Response:
        """Sets the threshold of the bundle that judges: `{value, bundle}`; null for the bundle's own."""
        asked = await body(request, value=(int, float, type(None)), bundle=str)
        # by way of text, a whole number beyond all floats is infinite, and refused as such
        value = None if asked["value"] is None else float(str(asked["value"]))
        before, after = await self._desk.do(
            lambda: set_threshold(self._around, self._config.threshold_range, value, bundle=asked["bundle"])
        )
        _log.info("%s: threshold from %.6g to %.6g sigmas", visitor.name, before, after)
        await self._note(visitor, f"threshold of bundle {asked['bundle']}", f"{before:.6g}", f"{after:.6g}")
        return JSONResponse({"threshold": after})

    async def drift(self, request: Request, visitor: Visitor) -> Response:
        """Ends the alarms, or has a new reference learned: `{do}`."""
        do, drift = (await body(request, do=str))["do"], self._around.drift
        if drift is None:
            raise UsageError("drift: expected a station that watches for it, found one that does not")
        deeds = {"acknowledge": drift.acknowledge, "new reference": drift.new_reference}
        if do not in deeds:
            raise MalformedError(f'do: expected "acknowledge" or "new reference", found {do!r}')
        await self._desk.do(deeds[do])
        _log.info("%s: drift: %s", visitor.name, do)
        await self._note(visitor, f"drift: {do}", None, None)
        return JSONResponse({"done": do})

    async def _note(self, visitor: Visitor, what: str, before: str | None, after: str | None) -> None:
        """Audits what was done in the ring, if there is one and it takes it."""
        ring = self._around.ring
        if ring is None:
            return
        try:
            await self._desk.do(lambda: ring.audit(visitor.name, what, before, after, at=time.time()))
        except UsageError as error:
            _log.warning("not in the audit: %s", error)
