"use client";

import { useRef } from "react";
import { useIsSpeaking, useLocalParticipant } from "@livekit/components-react";
import type { LocalParticipant, RemoteParticipant } from "livekit-client";

import { MicrophoneIcon } from "@/components/icons";
import { voiceOf } from "@/room/Presence";
import { nameOf } from "@/room/parties";
import { useLevel } from "@/room/useLevel";

/** Everybody in the room, with the level of their speech. */
export function People({ others }: { readonly others: readonly RemoteParticipant[] }) {
  const { localParticipant } = useLocalParticipant();
  return (
    <section aria-labelledby="people">
      <h2 id="people">In the room</h2>
      <ul className="people">
        <Person participant={localParticipant} />
        {others.map((other) => (
          <OtherPerson key={other.identity} participant={other} />
        ))}
      </ul>
    </section>
  );
}

function OtherPerson({ participant }: { readonly participant: RemoteParticipant }) {
  const meter = useRef<HTMLSpanElement>(null);
  useLevel(meter, voiceOf(participant));
  return <Person participant={participant} meter={meter} />;
}

interface PersonProps {
  readonly participant: LocalParticipant | RemoteParticipant;
  readonly meter?: React.RefObject<HTMLSpanElement | null>;
}

function Person({ participant, meter }: PersonProps) {
  const speaking = useIsSpeaking(participant);
  const role = participant.isLocal ? "you" : participant.isAgent ? "agent" : "";
  return (
    <li className="person" data-speaking={speaking || undefined}>
      <span className="person-name">{nameOf(participant)}</span>
      {role && <span className="person-role">{role}</span>}
      <span className="person-doing">{speaking ? "speaking" : ""}</span>
      {meter && <span ref={meter} className="meter" aria-hidden="true" />}
      {!participant.isMicrophoneEnabled && !participant.isAgent && (
        <>
          <MicrophoneIcon off />
          <span className="unseen">muted</span>
        </>
      )}
    </li>
  );
}
