"""asyncua's client of a secured server, for tests that do what no honest client does."""

import contextlib

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.uaerrors import UaStatusCodeError

from goodpart_station.tokens import Role

_ENCRYPTED = ua.MessageSecurityMode.SignAndEncrypt


async def client(place, *, role=Role.OPERATOR, files=None, policy=SecurityPolicyBasic256Sha256, mode=_ENCRYPTED):
    made = Client(place.url, timeout=30)
    files = files or place.client
    made.application_uri = files.uri
    if policy is not None:
        await made.set_security(
            policy, files.certificate, files.key, server_certificate=place.own.certificate, mode=mode
        )
    if role is not None:
        made.set_user(role.value)
        made.set_password(place.token[role])
    return made


@contextlib.asynccontextmanager
async def channel(place, **options):
    """A client with a secure channel alone."""
    made = await client(place, **options)
    await made.connect_socket()
    try:
        await made.send_hello()
        await made.open_secure_channel()
        yield made
    finally:
        made.disconnect_socket()


async def refused(awaitable, name):
    with pytest.raises(UaStatusCodeError) as caught:
        await awaitable
    assert caught.value.code == getattr(ua.StatusCodes, name), caught.value
