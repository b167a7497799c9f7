import assert from "node:assert/strict";
import { test } from "node:test";

import { EMPTY, KEPT, withLine, type Line, type Transcript } from "@/state/transcript";

const ANNA = { identity: "person-1", name: "Anna", kind: "person" } as const;
const AGENT = { identity: "agent-1", name: "Agent", kind: "agent" } as const;

function line(segment: string, text: string, more: Partial<Line> = {}): Line {
  return { segment, who: ANNA, text, at: 0, final: false, typed: false, interrupted: false, version: 1, ...more };
}

function after(...lines: Line[]): Transcript {
  return lines.reduce(withLine, EMPTY);
}

test("a later version takes the place of an earlier one, and keeps its time", () => {
  const [only, ...others] = after(line("a", "Good", { at: 5 }), line("a", "Good morning.", { at: 9, final: true, version: 2 }));
  assert.deepEqual([only?.text, only?.at, only?.final, others.length], ["Good morning.", 5, true, 0]);
});

test("a version that was overtaken changes nothing", () => {
  const transcript = after(line("a", "Good morning.", { final: true, version: 2 }), line("a", "Good mor", { version: 1 }));
  assert.equal(transcript[0]?.text, "Good morning.");
});

test("what was cut off replaces the whole of it", () => {
  const whole = line("a", "The build is done and all of it is green.", { who: AGENT, final: true });
  const cut = line("a", "The build is done", { who: AGENT, final: true, interrupted: true, version: 2 });
  assert.deepEqual(after(whole, cut), [cut]);
});

test("two who happen to name their utterances alike are two", () => {
  assert.equal(after(line("1", "Yes."), line("1", "No.", { who: AGENT })).length, 2);
});

test("lines stay in the order in which they began", () => {
  const transcript = after(line("a", "I"), line("b", "You", { who: AGENT }), line("a", "I think", { version: 2 }));
  assert.deepEqual(
    transcript.map(({ segment }) => segment),
    ["a", "b"],
  );
});

test("an utterance that comes to nothing goes, and an empty beginning does not come", () => {
  assert.deepEqual(after(line("a", "Mm"), line("a", " ", { final: true, version: 2 })), EMPTY);
  assert.deepEqual(after(line("a", "")), EMPTY);
});

test("an unfinished version without text waits for the next", () => {
  assert.equal(after(line("a", "Good"), line("a", "", { version: 2 }))[0]?.text, "Good");
});

test("a long afternoon keeps its newest lines", () => {
  const many = Array.from({ length: KEPT + 3 }, (_, index) => line(String(index), "x"));
  const transcript = after(...many);
  assert.deepEqual([transcript.length, transcript[0]?.segment], [KEPT, "3"]);
});
