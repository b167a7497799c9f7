"use client";

import { useState } from "react";
import { useRoomContext } from "@livekit/components-react";

import { useHeldTalk } from "@/room/useHeldTalk";
import { useHold, type Hold } from "@/room/useHold";
import { useMicrophone, type Microphone } from "@/room/useMicrophone";
import type { AgentState, Request } from "@/state/agent";

export type TalkMode = "hands-free" | "push-to-talk";

export interface Talking {
  readonly microphone: Microphone;
  /** True while the microphone is heard. */
  readonly open: boolean;
  readonly muted: boolean;
  readonly setMuted: (muted: boolean) => void;
  readonly hold: Hold;
}

/** Control of this person's microphone: open unless muted, or only while push-to-talk is held. */
export function useTalking(mode: TalkMode, state: AgentState, ask: (request: Request) => Promise<boolean>): Talking {
  const room = useRoomContext();
  const [muted, setMuted] = useState(false);
  const hold = useHold(mode === "push-to-talk");
  const held = useHeldTalk(hold.held, {
    // A press while the agent speaks interrupts the agent; a release ends the turn.
    began: () => void (state === "speaking" && ask("skip")),
    ended: () => void ask("send"),
  });
  const open = mode === "push-to-talk" ? held : !muted;
  return { microphone: useMicrophone(room, open), open, muted, setMuted, hold };
}
