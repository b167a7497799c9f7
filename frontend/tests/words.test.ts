import assert from "node:assert/strict";
import { test } from "node:test";

import { ConnectionError, DisconnectReason } from "livekit-client";

import { explainJoining, explainLeaving, explainMicrophone } from "@/room/failures";
import { whoSpoke, type Party } from "@/room/who";
import { Refused, Unreachable } from "@/server/api";
import { explain, needsSignIn } from "@/words/failures";

const refused = (code: string, wait = 0) => new Refused(code, "No.", "Do this.", wait);
const YOU: Party = { identity: "person-1", name: "Anna", agent: false, tracks: ["TR_you"] };
const BEN: Party = { identity: "person-2", name: "Ben", agent: false, tracks: ["TR_ben"] };
const AGENT: Party = { identity: "agent-1", name: "Agent", agent: true, tracks: ["TR_agent"] };

test("each failure of ours says what to do next", () => {
  assert.equal(explain(refused("expired_link")).command, "voicemode frontend open");
  assert.equal(explain(new Unreachable("")).command, "voicemode service start frontend");
  assert.match(explain(refused("wrong_password")).title, /not the password/);
  assert.deepEqual(explain(refused("no_livekit")), { title: "No.", todo: "Do this." });
});

test("too many attempts say how long to wait", () => {
  assert.match(explain(refused("too_many_attempts", 40)).todo, /40 seconds/);
  assert.match(explain(refused("too_many_attempts", 300)).todo, /5 minutes/);
  assert.match(explain(refused("too_many_attempts")).todo, /a moment/);
});

test("only being signed out needs signing in", () => {
  assert.equal(needsSignIn(refused("signed_out")), true);
  assert.equal(needsSignIn(refused("no_livekit")), false);
  assert.equal(needsSignIn(new Unreachable("")), false);
});

test("each way to have no microphone has words of its own", () => {
  const titles = ["NotAllowedError", "NotFoundError", "NotReadableError", "OverconstrainedError"].map(
    (name) => explainMicrophone(new DOMException("", name)).title,
  );
  assert.equal(new Set(titles).size, 4);
  assert.equal(explainMicrophone(new Error("Strange.")).todo, "Strange.");
});

test("a room that cannot be reached names the command, one that refuses does not", () => {
  assert.equal(explainJoining(ConnectionError.serverUnreachable("")).command, "voicemode service start livekit");
  assert.equal(explainJoining(ConnectionError.notAllowed("", 401)).command, undefined);
});

test("a room that is left against one's will says why", () => {
  assert.match(explainLeaving(DisconnectReason.ROOM_DELETED).title, /ended for everybody/);
  assert.match(explainLeaving(DisconnectReason.DUPLICATE_IDENTITY).title, /another window/);
  assert.match(explainLeaving(DisconnectReason.PARTICIPANT_REMOVED).title, /sent out/);
  assert.match(explainLeaving(undefined).title, /cannot be reached/);
});

test("the track tells whose words an agent writes down, the attribute before it", () => {
  const spoke = (attributes: Record<string, string>, sender = "agent-1") => whoSpoke(YOU, [BEN, AGENT], sender, attributes);
  assert.deepEqual(spoke({}), { identity: "agent-1", name: "Agent", kind: "agent" });
  assert.deepEqual(spoke({ "lk.transcribed_track_id": "TR_you" }), { identity: "person-1", name: "You", kind: "you" });
  assert.deepEqual(spoke({ "lk.transcribed_track_id": "TR_ben" }), { identity: "person-2", name: "Ben", kind: "person" });
  assert.equal(spoke({ "lk.transcribed_track_id": "TR_agent" }).kind, "agent");
  assert.equal(spoke({ "lk.transcribed_track_id": "TR_agent", "voicemode.speaker": "person-2" }).name, "Ben");
  assert.deepEqual(spoke({ "voicemode.speaker": "person-9" }), { identity: "person-9", name: "person-9", kind: "person" });
});

test("nobody but an agent writes down the words of others", () => {
  for (const attributes of [{ "voicemode.speaker": "person-1" }, { "lk.transcribed_track_id": "TR_you" }]) {
    assert.equal(whoSpoke(YOU, [BEN, AGENT], "person-2", attributes).name, "Ben");
    assert.equal(whoSpoke(YOU, [BEN, AGENT], "person-9", attributes).name, "person-9");
  }
});
