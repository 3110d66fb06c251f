"""Given: what clients give to methods, and what methods answer when they cannot do what was asked."""

import asyncio
import enum
import functools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from asyncua import ua

from goodpart import UsageError
from goodpart_station.codes import Reason

T = TypeVar("T")

_ID_MOST = 256
"""Characters of an id. The station remembers what clients call their parts."""

_ERRAND_S = 10.0
"""How long a client waits for the disk. Its other requests wait as well."""

_THREADS_MOST = 2
"""Threads for the disk: an errand that hangs leaves one for the next."""

_MOST = {"Int32": (-(1 << 31), (1 << 31) - 1), "UInt32": (0, (1 << 32) - 1)}

_HANDLES_MOST = 1000

_HANDLE_MOST = (1 << 32) - 1

_NULL = ua.ExtensionObject()


class Error(enum.IntEnum):
    """The output `Error` of methods: 0 is done. OPC 40100-1 leaves numbers below 0 to applications.

    -1 to -99 are a `Reason` of the station, with a minus sign.
    """

    NONE = 0
    NO_RESULT = -101
    NO_RECIPE = -102
    NOT_ACTIVE = -103
    NOT_PREPARED = -104
    NOT_SUPPORTED = -105
    NO_HANDLE = -106
    DISK = -107


def error_of(reason: Reason) -> int:
    """The output `Error` for what the station answers to a command."""
    return -int(reason)


class MismatchError(Exception):
    """An argument is not what the method declares."""


Handler = Callable[..., Awaitable[Sequence[Any] | ua.StatusCode]]


def strict(handler: Handler) -> Handler:
    """A handler that answers BadInvalidArgument to arguments of other types than it takes."""

    @functools.wraps(handler)
    async def checked(*given: Any) -> Sequence[Any] | ua.StatusCode:
        try:
            return await handler(*given)
        except MismatchError:
            return ua.StatusCode(ua.StatusCodes.BadInvalidArgument)

    return checked


def id_of(given: Any) -> str:
    """The id in one of the id structures, without spaces around it; "" for an empty or missing one.

    Raises:
        MismatchError: it is something else, or longer than 256 characters.
    """
    if given is None or given == _NULL:
        return ""
    text = getattr(given, "Id", given)
    if text is None:
        return ""
    if not isinstance(text, str) or text is given or len(text) > _ID_MOST:
        raise MismatchError
    # TrimmedString has no spaces around it
    return text.strip()


def whole(given: Any, kind: str) -> int:
    """A number; 0 for a missing one.

    Args:
        given: by the client.
        kind: "Int32" or "UInt32".

    Raises:
        MismatchError: it is none.
    """
    if given is None:
        return 0
    least, most = _MOST[kind]
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise MismatchError
    return int(given)


class Handles:
    """The handles that clients may release. Nothing is held for them: what was told goes by its age alone."""

    def __init__(self, most: int = _HANDLES_MOST) -> None:
        """Has given none yet.

        Args:
            most: how many are known at a time; the oldest is forgotten.
        """
        self._most, self._last = most, 0
        self._given: OrderedDict[int, None] = OrderedDict()

    def new(self) -> int:
        """A handle that no client has, 1 to 2^32 - 1."""
        self._last = self._last % _HANDLE_MOST + 1
        self._given[self._last] = None
        if len(self._given) > self._most:
            self._given.popitem(last=False)
        return self._last

    def release(self, handle: int) -> bool:
        """Forgets a handle; returns whether it was known."""
        known = handle in self._given
        self._given.pop(handle, None)
        return known


class Errands:
    """What waits for the disk, in a thread that is not the server's; one errand after the other."""

    def __init__(self) -> None:
        """Has done nothing yet."""
        self._one = asyncio.Lock()
        # a disk that hangs would keep all threads of the loop, which needs one to look for removed tokens
        self._threads = ThreadPoolExecutor(_THREADS_MOST, thread_name_prefix="opcua-disk")

    async def do(self, errand: Callable[[], T]) -> T:
        """Does what waits for the disk.

        Raises:
            UsageError: the disk did not answer in time, or said something that `errand` raises.
        """
        try:
            return await asyncio.wait_for(self._alone(errand), _ERRAND_S)
        except TimeoutError as error:
            raise UsageError(f"disk: expected an answer within {_ERRAND_S:g} s, found none; ask again") from error

    async def _alone(self, errand: Callable[[], T]) -> T:
        async with self._one:
            return await asyncio.get_running_loop().run_in_executor(self._threads, errand)
