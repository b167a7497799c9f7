/** Who spoke, by what a piece of the transcript says of itself. */

import type { Who } from "@/state/transcript";

export const SPEAKER = "voicemode.speaker";
export const TRACK = "lk.transcribed_track_id";

type Attributes = Readonly<Record<string, string>>;

/** Somebody in the room. */
export interface Party {
  readonly identity: string;
  readonly name: string;
  readonly agent: boolean;
  readonly tracks: readonly string[];
}

/**
 * The one whose words a stream from `sender` carries. An agent writes down what others say: then an attribute names the
 * person, or the track that was heard. Of nobody else is such an attribute believed: it would let them speak as another.
 */
export function whoSpoke(you: Party, others: readonly Party[], sender: string, attributes: Attributes): Who {
  const parties = [you, ...others];
  const track = attributes[TRACK] ?? "";
  const heard = parties.find((party) => party.tracks.includes(track));
  const agent = parties.some((party) => party.agent && party.identity === sender);
  const identity = (agent && (attributes[SPEAKER] ?? heard?.identity)) || sender;
  const found = parties.find((party) => party.identity === identity);
  // Somebody who has left since, or whom we have not seen yet.
  if (!found) return { identity, name: identity, kind: "person" };
  if (found === you) return { identity, name: "You", kind: "you" };
  return { identity, name: found.name, kind: found.agent ? "agent" : "person" };
}
