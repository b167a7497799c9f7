import assert from "node:assert/strict";
import { test } from "node:test";

import { agentState, concerns, nextRequest, STATE_ATTRIBUTE } from "@/state/agent";
import { LET_GO, press, release, spaceIsFree } from "@/state/holding";
import { DEFAULT_ROOM, LONGEST_NAME, offeredRoom, tidyName } from "@/state/names";
import { linkIn } from "@/state/pairing";
import { nextTryMs } from "@/state/patience";
import { ARRIVING, stage } from "@/state/stage";

const says = (state: string) => ({ [STATE_ATTRIBUTE]: state });
const GONE = { title: "VoiceMode does not answer.", todo: "Start it." };
const ADMISSION = { url: "ws://here/livekit", token: "t", identity: "person-1", room: "kitchen", direct: true };

test("an agent that says nothing of itself is thinking", () => {
  assert.equal(agentState([]), "absent");
  assert.equal(agentState([{}]), "thinking");
  assert.equal(agentState([says("idle")]), "thinking");
});

test("of several agents, the one that speaks is told of", () => {
  assert.equal(agentState([says("listening"), says("speaking")]), "speaking");
  assert.equal(agentState([says("thinking"), says("listening")]), "listening");
});

test("only what concerns the moment can be pressed", () => {
  assert.deepEqual(
    (["absent", "thinking", "listening", "speaking"] as const).map((state) =>
      (["stop", "skip", "send"] as const).filter((request) => concerns(request, state)),
    ),
    [[], ["stop"], ["stop", "send"], ["stop", "skip"]],
  );
  assert.deepEqual([nextRequest("speaking"), nextRequest("listening")], ["skip", "send"]);
});

test("it is held until the last finger lets go", () => {
  const both = press(press(LET_GO, "key"), "pointer");
  assert.equal(release(both, "key").size, 1);
  assert.equal(release(release(both, "key"), "pointer").size, 0);
  assert.equal(press(both, "key"), both, "a key that repeats is pressed once");
  assert.equal(release(LET_GO, "key"), LET_GO);
});

test("the space bar goes on typing spaces and pressing buttons", () => {
  const focus = { tag: "BODY", role: null, editable: false };
  assert.equal(spaceIsFree(null), true);
  assert.equal(spaceIsFree(focus), true);
  for (const tag of ["INPUT", "TEXTAREA", "SELECT", "BUTTON", "A"]) assert.equal(spaceIsFree({ ...focus, tag }), false, tag);
  assert.equal(spaceIsFree({ ...focus, role: "slider" }), false);
  assert.equal(spaceIsFree({ ...focus, editable: true }), false);
});

test("a link has a code and maybe a room", () => {
  assert.deepEqual(linkIn("#pair=a-B_9&room=the%20kitchen"), { code: "a-B_9", room: "the kitchen" });
  assert.deepEqual(linkIn("#pair=abc"), { code: "abc", room: "" });
  assert.deepEqual(linkIn(""), { code: "", room: "" });
});

test("a lost room is tried again soon, then steadily, then no more", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 60].map((tried) => nextTryMs(tried, 0)), [0, 300, 1000, 2000, 4000, 4000]);
  assert.equal(nextTryMs(5, 10 * 60_000), null);
});

test("names are sent tidy, and not too long", () => {
  assert.equal(tidyName("  Anna \t Maria\n"), "Anna Maria");
  assert.equal(tidyName("x".repeat(99)).length, LONGEST_NAME);
});

test("the room offered is the last one, else one with an agent, else any, else a new one", () => {
  const rooms = [
    { name: "attic", people: 1, agents: 0 },
    { name: "kitchen", people: 0, agents: 1 },
  ];
  assert.equal(offeredRoom(rooms, "attic"), "attic");
  assert.equal(offeredRoom(rooms, "gone"), "kitchen");
  assert.equal(offeredRoom(rooms.slice(0, 1), ""), "attic");
  assert.equal(offeredRoom([], "gone"), "gone");
  assert.equal(offeredRoom([], ""), DEFAULT_ROOM);
});

test("who leaves a room comes back to the lobby, with that room and the reason", () => {
  const lobby = stage(ARRIVING, { type: "signed-in", room: "kitchen" });
  assert.deepEqual(lobby, { at: "lobby", room: "kitchen", notice: null });
  const inside = stage(lobby, { type: "entered", admission: ADMISSION });
  assert.deepEqual(stage(inside, { type: "left", notice: GONE }), { at: "lobby", room: "kitchen", notice: GONE });
});

test("who is not known is asked to sign in, and told why", () => {
  const asked = stage(ARRIVING, { type: "signed-out", ways: ["pairing"], notice: GONE });
  assert.deepEqual(asked, { at: "sign-in", ways: ["pairing"], notice: GONE });
  assert.deepEqual(stage(asked, { type: "cut-off", notice: GONE }), { at: "cut-off", notice: GONE });
  assert.equal(stage(asked, { type: "arrived" }), ARRIVING);
});
