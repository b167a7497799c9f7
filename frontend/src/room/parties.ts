import type { Participant, Room } from "livekit-client";

import type { Party } from "@/room/who";

/** `participant` as far as the transcript is concerned. */
export function party(participant: Participant): Party {
  return {
    identity: participant.identity,
    name: nameOf(participant),
    agent: participant.isAgent,
    tracks: [...participant.trackPublications.keys()],
  };
}

/** What to call somebody. */
export function nameOf(participant: Participant): string {
  return participant.name || (participant.isAgent ? "Agent" : participant.identity);
}

export function agentsIn(room: Room): Participant[] {
  return [...room.remoteParticipants.values()].filter((participant) => participant.isAgent);
}
