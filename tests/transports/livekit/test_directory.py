"""Which server our rooms are on, what its tokens allow, and who is in its rooms: with a real LiveKit server."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from livekit import rtc
from livekit.api import TokenVerifier, VideoGrants

from tests.support.guests import guest
from tests.support.livekit_server import settings_for
from voicemode import egress
from voicemode.config import Settings
from voicemode.errors import ConfigError, LocalOnlyError, RoomError
from voicemode.http_client.client import open_http
from voicemode.transports.livekit.access import Access, access_to, agent_token, find_access, keys_file, person_token
from voicemode.transports.livekit.directory import RoomDirectory, open_directory, somebody_in_room

SECRET = "x" * 40
ACCESS = Access("wss://rooms.example", "API1", SECRET)


def test_without_a_server_there_is_no_access_and_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    settings = Settings(base_dir=tmp_path)
    assert find_access(settings) is None
    with pytest.raises(ConfigError, match="voicemode service install livekit"):
        access_to(settings)


def test_the_server_installed_here_is_found_by_its_key(tmp_path: Path) -> None:
    settings = Settings(base_dir=tmp_path, livekit_port=7999)
    keys_file(settings).parent.mkdir(parents=True)
    keys_file(settings).write_text(f"# ours\nAPIhere: {SECRET}\n")
    assert access_to(settings) == Access("ws://127.0.0.1:7999", "APIhere", SECRET)


def test_the_key_of_this_machine_is_not_used_for_another(tmp_path: Path) -> None:
    settings = Settings(base_dir=tmp_path, livekit_url="wss://rooms.example")
    keys_file(settings).parent.mkdir(parents=True)
    keys_file(settings).write_text(f"APIhere: {SECRET}\n")
    assert find_access(settings) is None
    with pytest.raises(ConfigError, match="LIVEKIT_API_KEY"):
        access_to(settings)


def test_the_settings_win_and_the_secret_is_never_shown() -> None:
    access = access_to(settings_for(ACCESS))
    assert access == ACCESS
    assert SECRET not in repr(access)
    assert SECRET in settings_for(ACCESS).secrets


def test_requests_go_to_the_same_server_over_http() -> None:
    assert [replace(ACCESS, url=url).http_url for url in ("ws://a:1/", "wss://a", "https://a/b")] == [
        "http://a:1",
        "https://a",
        "https://a/b",
    ]


def test_a_person_may_join_one_room_speak_write_and_hear_and_nothing_else() -> None:
    claims = TokenVerifier("API1", SECRET).verify(person_token(ACCESS, "kitchen", "anna-1", "Anna"))
    assert (claims.identity, claims.name, claims.kind) == ("anna-1", "Anna", "")
    assert claims.video == VideoGrants(
        room_join=True,
        room="kitchen",
        can_publish=True,
        can_publish_sources=["microphone"],
        can_publish_data=True,
        can_subscribe=True,
    )


def test_we_join_as_an_agent_who_may_also_say_what_it_does() -> None:
    claims = TokenVerifier("API1", SECRET).verify(agent_token(ACCESS, "kitchen", "Agent"))
    assert (claims.kind, claims.name) == ("agent", "Agent")
    assert claims.identity.startswith("agent-")
    assert claims.video
    assert claims.video.can_update_own_metadata
    assert not any((claims.video.room_admin, claims.video.room_create, claims.video.room_list))


def test_a_token_ends_soon() -> None:
    token = person_token(ACCESS, "kitchen", "anna-1", "Anna", seconds=600)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims["exp"] - claims["nbf"] == 600
    late = person_token(ACCESS, "kitchen", "anna-1", "Anna", seconds=-90)
    with pytest.raises(jwt.ExpiredSignatureError):
        TokenVerifier("API1", SECRET, leeway=timedelta(0)).verify(late)


@pytest.mark.anyio
async def test_a_persons_token_opens_no_other_room_and_no_list(access: Access) -> None:
    token = person_token(access, "kitchen", "anna-1", "Anna")
    async with open_http() as http, guest(access.url, token) as anna:
        assert anna.room.name == "kitchen"
        for method, body in (
            ("ListRooms", {}),
            ("DeleteRoom", {"room": "kitchen"}),
            ("RemoveParticipant", {"room": "kitchen"}),
        ):
            url = f"{access.http_url}/twirp/livekit.RoomService/{method}"
            answer = await http.post(url, json=body, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code in (401, 403), method


@pytest.mark.anyio
async def test_a_person_cannot_show_a_picture_or_pass_for_an_agent(access: Access) -> None:
    async with guest(access.url, person_token(access, "kitchen", "eve", "Eve")) as eve:
        allowed = eve.room.local_participant.permissions
        assert eve.room.local_participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD
        assert list(allowed.can_publish_sources) == [rtc.TrackSource.SOURCE_MICROPHONE]
        assert not allowed.hidden
        assert not allowed.can_update_metadata


@pytest.mark.anyio
async def test_a_token_signed_by_somebody_else_opens_nothing(access: Access) -> None:
    room = rtc.Room()
    with pytest.raises(rtc.ConnectError):
        await room.connect(access.url, person_token(replace(access, secret=SECRET), "kitchen", "eve", "Eve"))


@pytest.mark.anyio
async def test_rooms_are_listed_with_their_people_and_agents_made_and_ended(access: Access) -> None:
    async with open_directory(access) as directory:
        await directory.create("empty")
        await directory.create("full")
        async with (
            guest(access.url, person_token(access, "full", "anna-1", "Anna")) as anna,
            guest(access.url, agent_token(access, "full", "Agent", "agent-1"), speaking=False),
        ):
            rooms = {room.name: room for room in await directory.rooms()}
            assert (rooms["full"].people, rooms["full"].agents) == (1, 1)
            assert (rooms["empty"].people, rooms["empty"].agents) == (0, 0)
            people = {who.identity: who for who in await directory.people("full")}
            assert (people["anna-1"].name, people["anna-1"].agent, people["agent-1"].agent) == ("Anna", False, True)
            assert await directory.end("full")
            await asyncio.wait_for(anna.left.wait(), 30)
        assert not await directory.end("full")
        assert await directory.people("full") == []


@pytest.mark.anyio
async def test_what_is_wrong_with_a_server_is_said_with_what_to_do(access: Access) -> None:
    async with open_http() as http:
        with pytest.raises(RoomError, match="refuses the key"):
            await RoomDirectory(replace(access, secret=SECRET), http).rooms()
        with pytest.raises(RoomError, match="voicemode service start livekit"):
            await RoomDirectory(Access("ws://127.0.0.1:9", "API1", SECRET), http).rooms()


@pytest.mark.anyio
async def test_nothing_is_asked_of_another_machine_where_nothing_may_leave() -> None:
    egress.enforce(True)
    async with open_http() as http:
        with pytest.raises(LocalOnlyError):
            await RoomDirectory(ACCESS, http).rooms()


@pytest.mark.anyio
async def test_somebody_is_in_the_room_when_a_person_is_not_when_only_an_agent_is(access: Access, tmp_path: Path) -> None:
    settings = settings_for(access, livekit_room="hall")
    async with open_http() as http:
        assert not await somebody_in_room(settings, http)
        async with guest(access.url, agent_token(access, "hall", "Agent"), speaking=False):
            assert not await somebody_in_room(settings, http)
            async with guest(access.url, person_token(access, "hall", "anna-1", "Anna")):
                async with asyncio.timeout(10):
                    # A turn waits for the answer so briefly that a busy machine may miss it once.
                    while not await somebody_in_room(settings, http):
                        await asyncio.sleep(0.05)
        assert not await somebody_in_room(Settings(base_dir=tmp_path), http)
        assert not await somebody_in_room(settings_for(Access("ws://127.0.0.1:9", "API1", SECRET)), http)
