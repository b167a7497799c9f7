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
  /** Read out to screen readers as it changes. */
  readonly announced: boolean;
}

const WORDS: Readonly<Record<AgentState, string>> = {
  absent: "No agent is here yet",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
};

/** The agent: whether it is here, what it does, and its voice as it sounds. */
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
        {/* Not read out unless asked for: it would talk over the agent at every turn. */}
        <p className="presence-state" aria-live={announced ? "polite" : "off"}>
          {WORDS[state]}
        </p>
        <SoundSwitch />
      </div>
    </section>
  );
}

/** Some browsers let a page sound only after a press. */
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

/** The track of somebody's microphone, once it can be heard. */
export function voiceOf(participant: RemoteParticipant): RemoteAudioTrack | null {
  const track = participant.getTrackPublication(Track.Source.Microphone)?.track;
  return track instanceof RemoteAudioTrack ? track : null;
}
