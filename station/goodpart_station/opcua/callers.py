"""Callers: who calls a method of the server, and what they may do."""

import contextlib
import dataclasses
from collections.abc import Iterator
from contextvars import ContextVar

from asyncua.crypto.permission_rules import User, UserRole

from goodpart_station.tokens import Role


@dataclasses.dataclass
class StationUser(User):
    """The user of a session.

    Attributes:
        role: what asyncua lets them do: read, subscribe and call.
        name: of their token, or "this PC".
        may: their role at the station; None for nothing.
        sha256: of their token, "" without one.
    """

    role: UserRole = UserRole.User
    name: str | None = None
    may: Role | None = None
    sha256: str = ""


NOBODY = StationUser(role=UserRole.Anonymous)

_CALLER: ContextVar[User] = ContextVar("caller", default=NOBODY)


@contextlib.contextmanager
def called_by(user: User) -> Iterator[None]:
    """While a method of this user runs."""
    token = _CALLER.set(user)
    try:
        yield
    finally:
        _CALLER.reset(token)


def caller() -> User:
    """Who calls the method that runs now. Methods must be coroutines: another thread would not know."""
    return _CALLER.get()


def role_of(user: User) -> Role | None:
    """What a user may do at the station; None for nothing."""
    return user.may if isinstance(user, StationUser) else None
