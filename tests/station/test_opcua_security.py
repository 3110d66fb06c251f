"""Who gets into the OPC UA server: with which certificate, over which channel, as whom, and what is not theirs."""

import asyncio
import datetime

import pytest
from asyncua import ua
from asyncua.crypto.security_policies import SecurityPolicyAes128Sha256RsaOaep, SecurityPolicyBasic256Sha256
from asyncua.ua.uaerrors import UaStatusCodeError

from goodpart_station.opcua.access import Access
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.options import OpcuaTable
from goodpart_station.settings import Endpoint
from goodpart_station.tokens import Role
from secure_client import channel, client, refused
from small_opcua import Place, Quiet, serving, write_identity
from station_parts import until

_MODE = ua.MessageSecurityMode
_REFUSED = (UaStatusCodeError, ConnectionError, TimeoutError, asyncio.CancelledError)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("opcua"))


@pytest.fixture(scope="module")
def link(place):
    with serving(place) as link:
        yield link


@pytest.mark.parametrize(
    ("policy", "mode"),
    [(SecurityPolicyBasic256Sha256, _MODE.Sign), (SecurityPolicyAes128Sha256RsaOaep, _MODE.SignAndEncrypt)],
)
def test_a_trusted_client_with_a_token_gets_in(link, place, policy, mode):
    async def go():
        async with await client(place, policy=policy, mode=mode) as made:
            assert await made.nodes.server_state.read_value() == ua.ServerState.Running

    asyncio.run(go())


def test_endpoints_are_shown_to_everybody_and_none_is_without_security(link, place):
    async def go():
        made = await client(place, policy=None)
        found = await made.connect_and_get_server_endpoints()
        assert {each.SecurityMode for each in found} == {_MODE.Sign, _MODE.SignAndEncrypt}
        assert {each.SecurityPolicyUri.rpartition("#")[2] for each in found} == {
            *("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"),
        }
        assert {each.Server.ApplicationUri for each in found} == {place.own.uri}

    asyncio.run(go())


def test_without_security_there_is_no_session(link, place):
    async def go():
        async with channel(place, policy=None) as made:
            await refused(made.create_session(), "BadSecurityModeRejected")

    asyncio.run(go())


def test_nobody_registers_servers(link, place):
    async def go():
        async with channel(place, policy=None) as made:
            await refused(made.uaclient.register_server(ua.RegisteredServer()), "BadServiceUnsupported")

    asyncio.run(go())


def test_an_unknown_certificate_opens_no_channel_and_is_kept_for_a_person(link, place):
    stranger = write_identity(place.folder, "stranger", "urn:stranger")

    async def go():
        async with channel(place, files=stranger):
            pass

    with pytest.raises(_REFUSED):
        asyncio.run(go())
    until(lambda: stranger.fingerprint in {each.fingerprint for each in place.trust.clients()})
    found = next(each for each in place.trust.clients() if each.fingerprint == stranger.fingerprint)
    assert (found.trusted, found.uri) == (False, "urn:stranger")
    # without a restart
    place.trust.trust(stranger.fingerprint[:12])
    until(lambda: link._access.trust.trusts(stranger.fingerprint))
    asyncio.run(go())


def test_a_trusted_certificate_that_has_ended_opens_no_channel(link, place, caplog):
    now = datetime.datetime.now(datetime.timezone.utc)
    ended = write_identity(place.folder, "ended", "urn:ended", now=now - datetime.timedelta(days=6 * 365))
    place.bring(ended)
    until(lambda: link._access.trust.trusts(ended.fingerprint))

    async def go():
        async with channel(place, files=ended):
            pass

    with pytest.raises(_REFUSED):
        asyncio.run(go())
    (line,) = [each.getMessage() for each in caplog.records if "because its certificate ended on" in each.getMessage()]
    for word in ("CN=goodpart ended", ended.fingerprint[:16], "give the client a new one"):
        assert word in line


def test_an_error_while_a_certificate_is_looked_at_refuses_it(link, place, monkeypatch):
    def breaks(found):
        raise RuntimeError

    monkeypatch.setattr(link._access.trust, "trusts", breaks)

    async def go():
        async with channel(place):
            pass

    with pytest.raises(_REFUSED):
        asyncio.run(go())


@pytest.mark.parametrize("shown", ["none", "another"])
def test_a_session_needs_the_certificate_of_its_channel(link, place, shown):
    async def go():
        async with channel(place) as made:
            params = ua.CreateSessionParameters()
            params.ClientDescription.ApplicationUri = place.client.uri
            params.ClientCertificate = None if shown == "none" else place.own.der
            params.ClientNonce = bytes(32)
            await refused(made.uaclient.create_session(params), "BadSecurityChecksFailed")
            # nor does it exist now
            read = ua.ReadParameters(NodesToRead=[ua.ReadValueId(NodeId=ua.NodeId(2258), AttributeId=13)])
            await refused(made.uaclient.read(read), "BadUserAccessDenied")

    asyncio.run(go())


def test_a_session_needs_the_uri_of_its_certificate(link, place):
    async def go():
        async with channel(place) as made:
            made.application_uri = "urn:somebody-else"
            await refused(made.create_session(), "BadCertificateUriInvalid")

    asyncio.run(go())


@pytest.mark.parametrize(
    ("name", "password"), [("operator", "wrong"), ("viewer", None), ("nobody", None), ("", ""), (None, None)]
)
def test_a_wrong_user_a_wrong_password_and_no_user_are_refused(link, place, name, password):
    # the tries of this test are not those of the next
    link._access._users._gate._tries.clear()

    async def go():
        async with channel(place, role=None) as made:
            await made.create_session()
            secret = place.token[Role.OPERATOR] if password is None else password
            await refused(made.activate_session(username=name, password=secret), "BadUserAccessDenied")

    asyncio.run(go())


def test_a_password_is_not_taken_in_clear_over_a_channel_that_only_signs(link, place):
    async def go():
        async with channel(place, mode=_MODE.Sign) as made:
            await made.create_session()
            token = ua.UserNameIdentityToken(
                PolicyId="username", UserName="operator", Password=place.token[Role.OPERATOR].encode()
            )
            made._add_user_auth = lambda params, *rest: setattr(params, "UserIdentityToken", token)
            await refused(made.activate_session(username="operator", password="-"), "BadIdentityTokenInvalid")

    asyncio.run(go())


def test_an_encrypted_password_is_taken_once(link, place):
    """Who has recorded it cannot show it again: it holds the nonce of its session."""

    async def go():
        shown = []
        for _ in range(2):
            async with channel(place, mode=_MODE.Sign) as made:
                await made.create_session()
                honest = made._add_user_auth

                def recorded(params, *rest, honest=honest):
                    honest(params, *rest)
                    shown.append(params.UserIdentityToken)
                    params.UserIdentityToken = shown[0]

                made._add_user_auth = recorded
                login = made.activate_session(username="operator", password=place.token[Role.OPERATOR])
                if len(shown) == 0:
                    await login
                else:
                    await refused(login, "BadIdentityTokenInvalid")
        assert len(shown) == 2

    asyncio.run(go())


def test_a_session_is_not_taken_over(link, place):
    """asyncua serves a session to whoever names its number, and logs in to it in vain."""

    async def go():
        async with await client(place) as honest, channel(place, role=None) as thief:
            number = honest.uaclient.protocol.authentication_token
            thief.uaclient.protocol.authentication_token = number
            thief._server_nonce = bytes(32)
            params = ua.ActivateSessionParameters()
            params.UserIdentityToken = ua.AnonymousIdentityToken(PolicyId="anonymous")
            params.ClientSignature.Signature = bytes(256)
            await refused(thief.uaclient.activate_session(params), "BadSessionIdInvalid")
            read = ua.ReadParameters(NodesToRead=[ua.ReadValueId(NodeId=ua.NodeId(2258), AttributeId=13)])
            await refused(thief.uaclient.read(read), "BadUserAccessDenied")
            assert await honest.nodes.server_state.read_value() == ua.ServerState.Running

    asyncio.run(go())


class _Heard:
    def __init__(self):
        self.came = asyncio.Event()

    def datachange_notification(self, node, value, data):
        self.came.set()


def test_a_subscription_is_its_sessions_alone(link, place):
    async def go():
        async with await client(place) as one, await client(place, role=Role.VIEWER) as other:
            heard = _Heard()
            subscription = await one.create_subscription(100, heard)
            await subscription.subscribe_data_change(one.get_node(ua.NodeId(2258)))
            number = subscription.subscription_id
            [answer] = await other.uaclient.delete_subscriptions([number])
            assert answer.value == ua.StatusCodes.BadSubscriptionIdInvalid
            request = ua.CreateMonitoredItemsParameters(SubscriptionId=number)
            await refused(other.uaclient.create_monitored_items(request), "BadSubscriptionIdInvalid")
            heard.came.clear()
            await asyncio.wait_for(heard.came.wait(), 60)
            await subscription.delete()

    asyncio.run(go())


def test_whose_token_is_removed_and_whose_certificate_is_distrusted_are_cut_off(link, place):
    guest = write_identity(place.folder, "guest", "urn:guest")
    place.bring(guest)
    until(lambda: link._access.trust.trusts(guest.fingerprint))
    place.token[Role.ENGINEER], kept = place.tokens.add("guest", Role.ENGINEER), place.token[Role.ENGINEER]

    async def go(files, name, change):
        made = await client(place, files=files, role=None)
        made.set_user(name)
        made.set_password(place.token[Role.ENGINEER if name == "guest" else Role.OPERATOR])
        await made.connect()
        gone = asyncio.Event()
        made.uaclient.protocol.transport.get_protocol().connection_lost = lambda error: gone.set()
        change()
        await asyncio.wait_for(gone.wait(), 60)

    until(lambda: len(link._access._users._gate) == 4)
    asyncio.run(go(place.client, "guest", lambda: place.tokens.remove("guest")))
    asyncio.run(go(guest, "operator", lambda: place.trust.distrust(guest.fingerprint)))
    place.token[Role.ENGINEER] = kept


def test_after_five_wrong_passwords_an_address_waits(tmp_path):
    place = Place(tmp_path)
    access = Access(
        OpcuaTable(listen=Endpoint("127.0.0.1", place.port)),
        Around(station="line1", boot="", data=place.data, line=Quiet(), products=None, store_of=None, takes_jobs=True),
    )
    right = place.token[Role.VIEWER]
    for _ in range(5):
        assert access._users.admit("viewer", right, "192.0.2.1").role is Role.VIEWER
        assert access._users.admit("viewer", "wrong", "192.0.2.1") is None
    assert access._users.admit("viewer", right, "192.0.2.1") is None
    assert access._users.admit("viewer", right, "192.0.2.2").role is Role.VIEWER
