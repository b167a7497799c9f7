"use client";

import { useRef } from "react";
import { useStartAudio, useRoomContext } from "@livekit/components-react";
import { RemoteAudioTrack, Track, type RemoteParticipant } from "livekit-client";

import { nameOf } from "@/room/parties";
import { useLevel } from "@/room/useLevel";
import type { AgentState } from "@/state/agent";

interface Props {
  readonly state: AgentState;
  readonly others: readonly RemoteParticipant[];
  /** True to let screen readers announce changes of the state. */
  readonly announced: boolean;
}

const WORDS: Readonly<Record<AgentState, string>> = {
  absent: "No agent is here yet",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
};

/** The agent: its presence, its state, and the level of its voice. */
export function Presence({ state, others, announced }: Props) {
  const agent = others.find((other) => other.isAgent);
  const orb = useRef<HTMLDivElement>(null);
  useLevel(orb, agent ? voiceOf(agent) : null);
  return (
    <section className="presence" data-state={state} aria-label="Agent">
      <div className="orb" ref={orb} aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
      <div className="presence-words">
        {agent && <p className="presence-name">{nameOf(agent)}</p>}
        {/* Announced on request only: a screen reader would talk over the agent at every turn. */}
        <p className="presence-state" aria-live={announced ? "polite" : "off"}>
          {WORDS[state]}
        </p>
        <SoundSwitch />
      </div>
    </section>
  );
}

/** A button to enable audio, as some browsers let a page play only after a press. */
function SoundSwitch() {
  const room = useRoomContext();
  const { mergedProps, canPlayAudio } = useStartAudio({ room, props: {} });
  if (canPlayAudio) return null;
  return (
    <button type="button" className="button strong" onClick={mergedProps.onClick}>
      Turn the sound on
    </button>
  );
}

/** The audio track of a participant's microphone, once subscribed. */
export function voiceOf(participant: RemoteParticipant): RemoteAudioTrack | null {
  const track = participant.getTrackPublication(Track.Source.Microphone)?.track;
  return track instanceof RemoteAudioTrack ? track : null;
}
