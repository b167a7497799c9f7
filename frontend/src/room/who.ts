/** The speaker of a transcript line, from the attributes of its stream. */

import type { Who } from "@/state/transcript";

export const SPEAKER = "voicemode.speaker";
export const TRACK = "lk.transcribed_track_id";

type Attributes = Readonly<Record<string, string>>;

/** A participant of the room. */
export interface Party {
  readonly identity: string;
  readonly name: string;
  readonly agent: boolean;
  readonly tracks: readonly string[];
}

/**
 * The participant whose words a stream from `sender` carries. An agent transcribes what others say: then an attribute names
 * the person, or the transcribed track. Only agents are trusted with such attributes: others could pose as somebody else.
 */
export function whoSpoke(you: Party, others: readonly Party[], sender: string, attributes: Attributes): Who {
  const parties = [you, ...others];
  const track = attributes[TRACK] ?? "";
  const heard = parties.find((party) => party.tracks.includes(track));
  const agent = parties.some((party) => party.agent && party.identity === sender);
  const identity = (agent && (attributes[SPEAKER] ?? heard?.identity)) || sender;
  const found = parties.find((party) => party.identity === identity);
  // A participant who has left, or who has not appeared yet.
  if (!found) return { identity, name: identity, kind: "person" };
  if (found === you) return { identity, name: "You", kind: "you" };
  return { identity, name: found.name, kind: found.agent ? "agent" : "person" };
}
