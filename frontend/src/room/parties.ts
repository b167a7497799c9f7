import type { Participant, Room } from "livekit-client";

import type { Party } from "@/room/who";

/** Convert `participant` for the transcript. */
export function party(participant: Participant): Party {
  return {
    identity: participant.identity,
    name: nameOf(participant),
    agent: participant.isAgent,
    tracks: [...participant.trackPublications.keys()],
  };
}

/** The display name of a participant. */
export function nameOf(participant: Participant): string {
  return participant.name || (participant.isAgent ? "Agent" : participant.identity);
}

export function agentsIn(room: Room): Participant[] {
  return [...room.remoteParticipants.values()].filter((participant) => participant.isAgent);
}
