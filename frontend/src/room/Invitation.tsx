"use client";

import { Command } from "@/components/Command";
import { DEFAULT_ROOM } from "@/state/names";

/** Instructions that bring an agent into the room. */
export function Invitation({ room }: { readonly room: string }) {
  return (
    <div className="invitation">
      <p>It comes when it wants to speak with you. Say to it, where you usually write:</p>
      <Command text="Let’s talk: converse with transport livekit." />
      {room !== DEFAULT_ROOM && (
        <>
          <p>Agents come to the room of their settings. To have them come to this one:</p>
          <Command text={`voicemode config set VOICEMODE_LIVEKIT_ROOM "${room}"`} />
        </>
      )}
    </div>
  );
}
