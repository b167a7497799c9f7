"""Rooms and tokens of the page's server, with a real LiveKit server behind it and LiveKit's own client before it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from livekit import rtc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.livekit_server import LiveKitServer, settings_for
from tests.support.page_server import WAIT_SECONDS, PageServer, serving
from tests.web.test_server import code_of
from voicemode.transports.livekit.access import Access, agent_token, server_token
from voicemode.transports.livekit.directory import open_directory
from voicemode.web.entry import COOKIE, pairing_codes
from voicemode.web.guards import Names

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server(access: Access, tmp_path: Path) -> AsyncIterator[PageServer]:
    async with serving(settings_for(access, base_dir=tmp_path)) as running:
        yield running


@pytest.fixture
async def browser(server: PageServer) -> AsyncIterator[httpx2.AsyncClient]:
    async with server.signed_in() as signed_in:
        yield signed_in


async def token(browser: httpx2.AsyncClient, room: str, name: str = "Anna") -> dict[str, Any]:
    answer = await browser.post("/api/token", json={"room": room, "name": name})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@asynccontextmanager
async def as_browser(server: PageServer, browser: httpx2.AsyncClient) -> AsyncIterator[str]:
    """The URL of a relay that adds to each request what a browser would: LiveKit's client for Python knows no cookies."""

    cookie = browser.cookies[COOKIE]

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who was thrown out comes again, and may leave before a word is said.
        with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n")
            upward, up = await asyncio.open_connection("127.0.0.1", server.port)
            up.write(head + f"Cookie: {COOKIE}={cookie}\r\nOrigin: http://127.0.0.1:{port}\r\n".encode())
            await asyncio.gather(carry(reader, up), carry(upward, writer))

    relaying = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = relaying.sockets[0].getsockname()[1]
    async with relaying:
        yield f"ws://127.0.0.1:{port}/livekit"


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with closing(writer), suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def in_room(server: PageServer, browser: httpx2.AsyncClient, given: str) -> AsyncIterator[rtc.Room]:
    """Somebody who has joined through the page's server."""
    room = rtc.Room()
    async with as_browser(server, browser) as url, asyncio.timeout(3 * WAIT_SECONDS):
        await room.connect(url, given)
        try:
            yield room
        finally:
            await room.disconnect()


async def test_people_come_into_rooms_through_our_server_and_are_who_they_say(
    server: PageServer, browser: httpx2.AsyncClient
) -> None:
    assert (await browser.post("/api/rooms", json={"name": "  Küche  eins "})).json() == {"name": "Küche eins"}
    given = await token(browser, "Küche eins")
    assert given["url"] == f"ws://127.0.0.1:{server.port}/livekit"
    assert (given["room"], given["expires_in"]) == ("Küche eins", 600)
    async with in_room(server, browser, given["token"]) as room:
        me = room.local_participant
        assert (room.name, me.name, me.identity) == ("Küche eins", "Anna", given["identity"])
        (listed,) = (await browser.get("/api/rooms")).json()["rooms"]
        assert (listed["name"], listed["people"], listed["agents"]) == ("Küche eins", 1, 0)
        assert listed["since"] > 1_700_000_000
        ended = asyncio.Event()
        room.on("disconnected", lambda _reason: ended.set())
        assert (await browser.delete("/api/rooms/Küche eins")).status_code == 204
        await asyncio.wait_for(ended.wait(), WAIT_SECONDS)
    assert (await browser.get("/api/rooms")).json() == {"rooms": []}
    assert code_of(await browser.delete("/api/rooms/Küche eins")) == "no_such_room"


async def test_a_token_lets_a_person_speak_and_hear_in_one_room_and_do_nothing_else(
    server: PageServer, browser: httpx2.AsyncClient, access: Access
) -> None:
    given = (await token(browser, "kitchen"))["token"]
    async with in_room(server, browser, given) as room:
        camera = rtc.LocalVideoTrack.create_video_track("camera", rtc.VideoSource(64, 64))
        showing = asyncio.create_task(publish(room, camera, rtc.TrackSource.SOURCE_CAMERA))
        microphone = rtc.LocalAudioTrack.create_audio_track("microphone", rtc.AudioSource(48000, 1))
        # Wishes are heard in order: once this one is granted, the one before has been refused.
        await asyncio.wait_for(publish(room, microphone, rtc.TrackSource.SOURCE_MICROPHONE), WAIT_SECONDS)
        assert not showing.done()
        showing.cancel()
        assert await permission(access, "kitchen") == {
            "can_subscribe": True,
            "can_publish": True,
            "can_publish_data": True,
            "can_publish_sources": ["MICROPHONE"],
        }
        await refused_by_the_server(access, given)
    header, claims, signature = given.split(".")
    for altered in (
        f"{header}.{changed(claims, room='office')}.{signature}",
        f"{header}.{changed(claims, roomAdmin=True)}.{signature}",
        f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{claims}.",
    ):
        answer = await browser.get("/livekit/rtc/validate", params={"access_token": altered})
        assert answer.status_code == 401
    assert (await browser.get("/livekit/rtc/validate", params={"access_token": given})).status_code == 200


async def publish(room: rtc.Room, track: rtc.LocalTrack, source: rtc.TrackSource.ValueType) -> None:
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=source))


async def permission(access: Access, room: str) -> dict[str, Any]:
    """What LiveKit lets the one who is in a room do."""
    headers = {"Authorization": f"Bearer {server_token(access, 60, roomAdmin=True, room=room)}"}
    async with httpx2.AsyncClient(base_url=access.http_url, headers=headers) as client:
        said = (await client.post("/twirp/livekit.RoomService/ListParticipants", json={"room": room})).json()
    (person,) = said["participants"]
    return {name: value for name, value in person["permission"].items() if value}


async def refused_by_the_server(access: Access, given: str) -> None:
    """What needs more than to be in a room is not done with the token `given`."""
    wishes: dict[str, dict[str, object]] = {
        "ListRooms": {},
        "CreateRoom": {"name": "mine"},
        "DeleteRoom": {"room": "kitchen"},
        "ListParticipants": {"room": "kitchen"},
        "RemoveParticipant": {"room": "kitchen", "identity": "somebody"},
        "SendData": {"room": "kitchen", "data": ""},
    }
    async with httpx2.AsyncClient(base_url=access.http_url, headers={"Authorization": f"Bearer {given}"}) as client:
        for wish, said in wishes.items():
            answer = await client.post(f"/twirp/livekit.RoomService/{wish}", json=said)
            assert answer.status_code in (401, 403), wish


async def made_by_another_program(access: Access, name: str) -> None:
    headers = {"Authorization": f"Bearer {server_token(access, 60, roomCreate=True)}"}
    async with httpx2.AsyncClient(base_url=access.http_url, headers=headers) as client:
        await client.post("/twirp/livekit.RoomService/CreateRoom", json={"name": name, "metadata": "theirs"})


async def test_rooms_of_other_programs_are_not_seen_nor_entered_nor_ended(
    server: PageServer, browser: httpx2.AsyncClient, access: Access
) -> None:
    await made_by_another_program(access, "clinic")
    assert "clinic" not in [room["name"] for room in (await browser.get("/api/rooms")).json()["rooms"]]
    assert code_of(await browser.post("/api/token", json={"room": "clinic", "name": "Anna"})) == "not_our_room"
    assert code_of(await browser.post("/api/rooms", json={"name": "clinic"})) == "not_our_room"
    assert code_of(await browser.delete("/api/rooms/clinic")) == "no_such_room"
    async with open_directory(access) as directory:
        assert [(room.name, room.ours) for room in await directory.rooms("clinic")] == [("clinic", False)]
        agent = rtc.Room()
        await agent.connect(access.url, agent_token(access, "clinic", "Agent"))
        try:
            assert (await token(browser, "clinic"))["room"] == "clinic", "an agent of ours is in it"
        finally:
            await agent.disconnect()
        await directory.end("clinic")
    await made_by_another_program(access, "voicemode")
    assert (await browser.delete("/api/rooms/voicemode")).status_code == 204, "the room of the settings"


async def test_where_the_page_has_tls_livekit_is_reached_through_the_same_door(access: Access, tmp_path: Path) -> None:
    box = {"Host": "box.example.net", "Origin": "https://box.example.net"}
    names = Names(behind=frozenset({"box.example.net"}))
    async with (
        serving(settings_for(access, base_dir=tmp_path), names=names) as server,
        server.browser(headers=box) as phone,
    ):
        paired = await phone.post("/api/pair", json={"code": pairing_codes(server.settings).issue()})
        phone.headers["cookie"] = paired.headers["set-cookie"].partition(";")[0]
        assert (await token(phone, "kitchen"))["url"] == "wss://box.example.net/livekit"


@pytest.mark.parametrize("local_only", [True, False])
async def test_only_in_rooms_of_other_servers_a_stranger_is_asked_for_the_way(
    access: Access, tmp_path: Path, local_only: bool
) -> None:
    """A server of the person's own on this machine may have named whom it wants, where anything may leave."""
    async with serving(settings_for(access, base_dir=tmp_path, local_only=local_only)) as server, server.signed_in() as browser:
        assert (await token(browser, "kitchen"))["direct"] is local_only


async def test_a_name_comes_into_a_room_cleaned(server: PageServer, browser: httpx2.AsyncClient) -> None:
    given = await token(browser, "kitchen", "Аnna: [yes]")  # noqa: RUF001 with a Cyrillic A
    async with in_room(server, browser, given["token"]) as room:
        assert room.local_participant.name == "Anna yes"


async def test_nobody_can_pass_for_somebody_else(server: PageServer, browser: httpx2.AsyncClient) -> None:
    mine = await token(browser, "kitchen")
    assert mine["identity"] == (await token(browser, "kitchen", "Berta"))["identity"], "the same browser"
    async with server.signed_in() as other:
        assert mine["identity"] != (await token(other, "kitchen"))["identity"]
    for name, code in (
        ("agent", "name_taken"),
        ("  AGENT ", "name_taken"),
        ("Аgеnt", "name_taken"),  # noqa: RUF001 with Cyrillic letters
        ("System", "name_taken"),
        (":-)", "bad_name"),
        ("", "bad_name"),
        ("a" * 65, "bad_name"),
        ("Anna\u202eb", "bad_name"),
        ("An\x00na", "bad_name"),
    ):
        assert code_of(await browser.post("/api/token", json={"room": "kitchen", "name": name})) == code
    assert code_of(await browser.post("/api/token", json={"room": "../x", "name": "Anna"})) == "bad_name"
    assert code_of(await browser.post("/api/token", json={"room": "x", "name": "Anna", "identity": "agent-1"})) == "malformed"


async def test_signalling_is_passed_on_to_who_is_signed_in_on_our_page_only(
    server: PageServer, browser: httpx2.AsyncClient
) -> None:
    given = (await token(browser, "kitchen"))["token"]
    url, cookie = f"ws://127.0.0.1:{server.port}/livekit", {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    ours: Any = server.origin
    evil: Any = "http://evil.example"
    for path, origin, headers, status in (
        (f"/rtc?access_token={given}", ours, {}, 401),
        (f"/rtc?access_token={given}", evil, cookie, 403),
        (f"/rtc?access_token={given}", None, cookie, 403),
        ("/rtc?access_token=nonsense", ours, cookie, 401),
        ("/rtc", ours, cookie, 401),
        (f"/twirp/livekit.RoomService/ListRooms?access_token={given}", ours, cookie, 403),
    ):
        with pytest.raises(InvalidStatus) as refusal:
            await connect(f"{url}{path}", origin=origin, additional_headers=headers, proxy=None)
        assert refusal.value.response.status_code == status, (path, origin)


async def test_who_is_signed_out_is_thrown_out_of_the_room(server: PageServer, browser: httpx2.AsyncClient) -> None:
    async with in_room(server, browser, (await token(browser, "kitchen"))["token"]), server.signed_in() as other:
        assert [room["people"] for room in (await other.get("/api/rooms")).json()["rooms"]] == [1]
        assert (await browser.post("/api/sign-out")).status_code == 204
        async with asyncio.timeout(WAIT_SECONDS):
            while (await other.get("/api/rooms")).json()["rooms"][0]["people"]:
                await asyncio.sleep(0.1)


async def test_when_livekit_goes_the_browser_is_told_and_when_it_is_back_so_are_the_rooms(
    server: PageServer, browser: httpx2.AsyncClient, livekit: LiveKitServer
) -> None:
    given, cookie = (await token(browser, "kitchen"))["token"], {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    url, ours = f"ws://127.0.0.1:{server.port}/livekit/rtc?access_token={given}", server.origin
    async with connect(url, origin=ours, additional_headers=cookie, proxy=None) as socket:  # type: ignore[arg-type]
        assert isinstance(await asyncio.wait_for(socket.recv(), WAIT_SECONDS), bytes), "LiveKit greets in protobuf"
        assert (await browser.get("/api/status")).json()["services"]["livekit"] == "running"
        await asyncio.to_thread(livekit.kill)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(emptied(socket), WAIT_SECONDS)
    assert (await browser.get("/api/status")).json()["services"]["livekit"] == "stopped"
    assert code_of(await browser.get("/api/rooms")) == "livekit_unreachable"
    assert code_of(await browser.get("/livekit/rtc/validate")) == "livekit_unreachable"
    with pytest.raises(InvalidStatus) as refusal:
        await connect(url, origin=ours, additional_headers=cookie, proxy=None)  # type: ignore[arg-type]
    assert refusal.value.response.status_code == 503
    await asyncio.to_thread(livekit.start)
    assert (await browser.get("/api/rooms")).json() == {"rooms": []}


async def emptied(socket: ClientConnection) -> None:
    """Read until the connection ends."""
    while True:
        await socket.recv()


def changed(claims: str, **grants: object) -> str:
    """The claims of a token, with other grants."""
    said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return encoded({**said, "video": {**said["video"], **grants}})


def encoded(said: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
