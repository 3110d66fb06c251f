"""The shield around all routes: hosts, headers, roles, and bodies of requests that stay small."""

import asyncio
import ipaddress
import json
import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from goodpart import GoodpartError, UsageError
from goodpart_station.gate import STRANGER, Gate, TooManyTriesError, Visitor
from goodpart_station.page.pictures import BusyError
from goodpart_station.tokens import Role

COOKIE = "goodpart"

MARK = "X-Goodpart"
"""A header that a form of another site cannot send: browsers ask first, and nobody answers them."""

_BODY_BYTES = 4096

_BODY_WITHIN_S = 10.0

_PATH_CHARS = 200
"""Python refuses to read a number of more than 4,300 digits, as a path may hold."""

_MOST = 1e15

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

MOST_SEQ = 1 << 53
"""The highest number of a part that anybody asks about; a database takes no more than 2^63."""

Handler = Callable[[Request, Visitor], Awaitable[Response]]


class MalformedError(UsageError):
    """A request is not what the route takes."""


class Shield:
    """Refuses requests under a foreign name, and sets headers on every answer.

    A page of another site that has its name point to this PC (DNS rebinding) sends that name as the host. Numbers
    cannot be pointed anywhere, so an address as the host is let through.
    """

    def __init__(self, app: ASGIApp, *, names: Iterable[str]) -> None:
        """Wraps an application.

        Args:
            app: the application.
            names: host names that the station is called by, beside addresses and "localhost".
        """
        self._app = app
        self._names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if scope["type"] != "http":
            return
        if not self._is_ours(Request(scope).headers.getlist("host")):
            refused = problem(
                421, "host: expected the address or a name of this station, found another one; add it to names"
            )
            await refused(scope, receive, with_headers)
            return
        if len(scope["path"]) > _PATH_CHARS:
            refused = problem(414, f"path: expected at most {_PATH_CHARS} characters, found more")
            await refused(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def _is_ours(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        host, _, port = hosts[0].lower().rpartition(":")
        bare = host if host and port.isdigit() else hosts[0].lower()
        if bare.rstrip(".") in self._names:
            return True
        try:
            ipaddress.ip_address(bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare)
        except ValueError:
            return False
        return True


def problem(status: int, words: str) -> JSONResponse:
    """An answer that says in one line what is wrong."""
    return JSONResponse({"error": words}, status_code=status)


def guarded(gate: Gate, needed: Role | None, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A route that asks whom a request comes from before anything else.

    Args:
        gate: knows the tokens.
        needed: the least role; None for a route that is open to all.
        handler: answers.
    """

    async def endpoint(request: Request) -> Response:
        if request.method == "POST" and MARK not in request.headers:
            return problem(403, f"header {MARK}: expected in every POST, found none; use the page itself")
        shown = presented(request)
        try:
            visitor = STRANGER if needed is None else gate.who(shown, address(request))
        except TooManyTriesError:
            return problem(429, "token: expected a right one, found five wrong ones within a minute; wait a minute")
        if needed is not None and (visitor.role is None or not visitor.role.may(needed)):
            return _refused(visitor, needed, shown)
        try:
            return await handler(request, visitor)
        except BusyError:
            return problem(429, "picture: expected at most four waiting, found more; ask again")
        except MalformedError as error:
            return problem(400, str(error))
        except GoodpartError as error:
            return problem(409, str(error))

    return endpoint


def _refused(visitor: Visitor, needed: Role, shown: str | None) -> Response:
    if visitor.role is not None:
        return problem(403, f"role: expected {needed.value}, found {visitor.role.value}; log in with such a token")
    refused = problem(401, f"token: expected one with the role {needed.value}, found none that is right; log in")
    if shown is not None:
        # a browser would show it again with every request, and soon be one with too many tries
        refused.delete_cookie(COOKIE, path="/")
    return refused


def presented(request: Request) -> str | None:
    """The token that a request shows: for programs in the header, for browsers in the cookie."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.cookies.get(COOKIE)


def address(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client is not None else ""


async def body(request: Request, **kinds: type | tuple[type, ...]) -> dict[str, Any]:
    """The JSON object of a request.

    Args:
        request: a POST.
        kinds: the type of each key; all of them and no others are there.

    Raises:
        MalformedError: it is too large, does not end, is no such object, or a value has another type.
    """
    try:
        text = await asyncio.wait_for(_whole(request), _BODY_WITHIN_S)
    except TimeoutError as error:
        raise MalformedError(f"body: expected all of it within {_BODY_WITHIN_S:g} s, found a part") from error
    try:
        found = json.loads(text or b"{}")
        # half a character, which no database takes, is a ValueError here
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedError("body: expected a JSON object, found something else") from error
    names = ", ".join(kinds) or "no keys"
    if not isinstance(found, dict) or found.keys() != kinds.keys():
        raise MalformedError(f"body: expected a JSON object with {names}, found something else")
    for name, kind in kinds.items():
        if not isinstance(found[name], kind) or (isinstance(found[name], bool) and kind is not bool):
            raise MalformedError(f"body: expected another type of {name}, found {found[name]!r}")
    return found


async def _whole(request: Request) -> bytes:
    text = b""
    async for piece in request.stream():
        text += piece
        if len(text) > _BODY_BYTES:
            raise MalformedError(f"body: expected at most {_BODY_BYTES} bytes, found more")
    return text


def number(request: Request, name: str) -> float | None:
    """A number of the query, or None without one.

    Raises:
        MalformedError: it is no finite number of at most 15 digits.
    """
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    # written so that a NaN fails
    if not abs(found) < _MOST:
        raise MalformedError(f"{name}: expected a number, found {text[:40]!r}")
    return found
