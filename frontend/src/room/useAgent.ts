"use client";

import { useCallback } from "react";
import { useRemoteParticipants, useRoomContext } from "@livekit/components-react";
import { RoomEvent, type RemoteParticipant } from "livekit-client";

import { agentsIn } from "@/room/parties";
import { agentState, type AgentState, type Request } from "@/state/agent";

const METHOD = "voicemode.controls";
const ANSWER_WITHIN_MS = 5_000;
const CHANGES = [
  RoomEvent.ParticipantAttributesChanged,
  RoomEvent.ParticipantNameChanged,
  RoomEvent.TrackSubscribed,
  RoomEvent.TrackUnsubscribed,
  RoomEvent.TrackMuted,
  RoomEvent.TrackUnmuted,
];

/** Everybody else in the room; the component renders again when a displayed property changes. */
export function useOthers(): RemoteParticipant[] {
  return useRemoteParticipants({ updateOnlyOn: CHANGES });
}

export function useAgentState(others: readonly RemoteParticipant[]): AgentState {
  return agentState(others.filter((other) => other.isAgent).map((agent) => agent.attributes));
}

/** Return a function that calls the agents' controls; false if no agent could be reached. */
export function useHands(): (request: Request) => Promise<boolean> {
  const room = useRoomContext();
  return useCallback(
    async (request) => {
      const asked = agentsIn(room).map((agent) =>
        room.localParticipant.performRpc({
          destinationIdentity: agent.identity,
          method: METHOD,
          payload: JSON.stringify({ do: request }),
          responseTimeout: ANSWER_WITHIN_MS,
        }),
      );
      const answers = await Promise.allSettled(asked);
      return answers.some((answer) => answer.status === "fulfilled");
    },
    [room],
  );
}
