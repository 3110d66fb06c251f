"""The routes of the page."""

import asyncio
import functools
import importlib.resources
import logging
import time
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from goodpart_station.gate import Gate, TooManyTriesError, Visitor
from goodpart_station.page.around import Around
from goodpart_station.page.deeds import Deeds
from goodpart_station.page.desk import Desk
from goodpart_station.page.newest import Newest
from goodpart_station.page.options import PageTable
from goodpart_station.page.pictures import Pictures, draw
from goodpart_station.page.shield import (
    COOKIE,
    MOST_SEQ,
    Handler,
    MalformedError,
    Shield,
    address,
    body,
    guarded,
    number,
    problem,
)
from goodpart_station.page.state import READY
from goodpart_station.page.trend import KEPT_DAYS, Trend
from goodpart_station.tokens import Role

_log = logging.getLogger("goodpart_station.page")

Gets = dict[str, Handler]

_PARTS = 24

_DAY_S = 86_400

_HOURS = 8.0

_COOKIE_S = {Role.VIEWER: 365 * _DAY_S, Role.OPERATOR: _DAY_S // 2, Role.ENGINEER: _DAY_S // 2}
"""How long a browser stays logged in: a screen on the wall for a year, a person for a shift and a half."""

_STATIC = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class App:
    """The application. All of it belongs to the loop, but for what `desk` and `pictures` do in their threads."""

    def __init__(self, config: PageTable, around: Around, gate: Gate, trend: Trend, newest: Newest) -> None:
        """Puts the routes together.

        Args:
            config: the table [page].
            around: the station.
            gate: knows the tokens.
            trend: minutes of scores.
            newest: the state that `/events` sends.
        """
        self._config, self._around, self._gate, self._trend, self._newest = config, around, gate, trend, newest
        self.pictures = Pictures()
        self.desk = Desk()
        self._deeds = Deeds(config, around, self.desk)
        self._counting = asyncio.Lock()
        self.application = Shield(Starlette(routes=list(self._routes())), names=config.names)

    def _routes(self) -> list[Route]:
        local = None if self._config.listen.loopback else Role.VIEWER
        open_to_all: Gets = {path: partial(_static, *file) for path, file in _STATIC.items()}
        open_to_all["/favicon.ico"] = _nothing
        on_this_pc: Gets = {"/healthz": self._healthz, "/readyz": self._readyz, "/metrics": self._metrics}
        seen: Gets = {
            "/me": self._me, "/events": self._events, "/frame/{seq:int}.jpg": self._frame, "/parts": self._parts,
            "/trend": self._trend_points,
        }  # fmt: skip
        asked = [(None, open_to_all), (local, on_this_pc), (Role.VIEWER, seen)]
        found = [self._route(path, role, handler) for role, some in asked for path, handler in some.items()]
        found.append(self._route("/threshold", Role.ENGINEER, self._deeds.threshold))
        found += [
            self._route("/login", None, self._login, "POST"),
            self._route("/logout", None, _logout, "POST"),
        ]
        for role, some in self._deeds.by_role().items():
            found += [self._route(path, role, handler, "POST") for path, handler in some.items()]
        return found

    def _route(self, path: str, needed: Role | None, handler: Handler, method: str = "GET") -> Route:
        return Route(path, guarded(self._gate, needed, handler), methods=[method])

    def close(self) -> None:
        """Ends the threads."""
        self.pictures.close()
        self.desk.close()

    async def _healthz(self, _: Request, __: Visitor) -> Response:
        return PlainTextResponse("ok\n")

    async def _readyz(self, _: Request, __: Visitor) -> Response:
        status = self._around.line.status()
        return PlainTextResponse(f"{status.state.name}\n", status_code=200 if status.state in READY else 503)

    async def _metrics(self, _: Request, __: Visitor) -> Response:
        if self._around.metrics is None:
            return problem(404, "metrics: expected a station that counts them, found none")
        # milliseconds of work: not in the loop, which answers the PLC too, nor at the desk, which waits for the disk
        async with self._counting:
            text = await asyncio.to_thread(self._around.metrics)
        return Response(text, media_type=METRICS_TYPE)

    async def _me(self, _: Request, visitor: Visitor) -> Response:
        role = visitor.role.value if visitor.role is not None else None
        return JSONResponse({"name": visitor.name, "role": role, "with_token": bool(visitor.sha256)})

    async def _events(self, _: Request, visitor: Visitor) -> Response:
        stream = self._newest.stream(lambda: self._gate.still(visitor))
        return StreamingResponse(stream, media_type="text/event-stream")

    async def _frame(self, request: Request, _: Visitor) -> Response:
        seq, boot = request.path_params["seq"], request.query_params.get("boot", self._around.boot)
        heat, small = (request.query_params.get(name) == "1" for name in ("heat", "small"))
        recent = self._around.live.find(seq) if boot == self._around.boot else None
        ring = self._around.ring if seq <= MOST_SEQ else None

        def make() -> bytes | None:
            kept = None
            if ring is not None and (recent is None or recent.result.frame is None):
                row = ring.frames.frame_of(boot, seq)
                kept = None if row is None else ring.frames.path(row)
            return draw(recent, kept, heat=heat, is_thumb=small)

        key = boot, seq, heat, small, recent is None or recent.result.late
        picture = await self.pictures.get(key, make)
        if picture is None:
            return problem(404, f"part {seq}: expected a picture, found none kept")
        lasting = {"Cache-Control": "private, max-age=86400"} if "boot" in request.query_params else {}
        return Response(picture, media_type="image/jpeg", headers=lasting)

    async def _parts(self, request: Request, _: Visitor) -> Response:
        ring, asked = self._around.ring, number(request, "before")
        if ring is None:
            return JSONResponse({"parts": None})
        before, waiting = None if asked is None else int(asked), request.query_params.get("waiting") == "1"
        frames = await self.desk.do(lambda: ring.frames.newest(before=before, count=_PARTS, waiting=waiting))
        names = (
            "id", "boot", "seq", "at", "product", "verdict", "judged", "reason", "detail", "score", "threshold",
            "kept_for", "label", "label_by",
        )  # fmt: skip
        return JSONResponse({"parts": [{name: getattr(frame, name) for name in names} for frame in frames]})

    async def _trend_points(self, request: Request, _: Visitor) -> Response:
        asked = number(request, "hours")
        hours = _HOURS if asked is None else asked
        if not 0 < hours <= KEPT_DAYS * 24:
            raise MalformedError(f"hours: expected more than 0 and at most {KEPT_DAYS * 24}, found {hours:g}")
        product = self._around.products.name(self._around.line.status().product)
        now = time.time()
        points = await self.desk.do(lambda: self._trend.points(product, since=now - hours * 3600, until=now))
        return JSONResponse({"product": product, "since": now - hours * 3600, "until": now, "points": points})

    async def _login(self, request: Request, _: Visitor) -> Response:
        token = (await body(request, token=str))["token"].strip()
        try:
            visitor = self._gate.who(token, address(request))
        except TooManyTriesError:
            return problem(429, "token: expected a right one, found five wrong ones within a minute; wait a minute")
        if visitor.role is None:
            return problem(401, "token: expected one of this station, found another; ask for one")
        _log.info("%s logged in as %s", visitor.name, visitor.role.value)
        answer = JSONResponse({"name": visitor.name, "role": visitor.role.value, "with_token": True})
        answer.set_cookie(
            COOKIE,
            token,
            max_age=_COOKIE_S[visitor.role],
            httponly=True,
            secure=self._config.has_tls,
            samesite="strict",
        )
        return answer


@functools.cache
def _read(name: str) -> bytes:
    return (importlib.resources.files("goodpart_station.page") / "static" / name).read_bytes()


async def _static(name: str, kind: str, _: Request, __: Visitor) -> Response:
    return Response(_read(name), media_type=kind)


async def _logout(_: Request, __: Visitor) -> Response:
    answer = JSONResponse({})
    answer.delete_cookie(COOKIE, path="/")
    return answer


async def _nothing(_: Request, __: Visitor) -> Response:
    return Response(status_code=204)
