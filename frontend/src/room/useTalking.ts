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
  /** Whether we are heard now. */
  readonly open: boolean;
  readonly muted: boolean;
  readonly setMuted: (muted: boolean) => void;
  readonly hold: Hold;
}

/** When this person is heard: always unless muted, or only while a button is held. */
export function useTalking(mode: TalkMode, state: AgentState, ask: (request: Request) => Promise<boolean>): Talking {
  const room = useRoomContext();
  const [muted, setMuted] = useState(false);
  const hold = useHold(mode === "push-to-talk");
  const held = useHeldTalk(hold.held, {
    // Who presses while the agent speaks has the word; who lets go has ended.
    began: () => void (state === "speaking" && ask("skip")),
    ended: () => void ask("send"),
  });
  const open = mode === "push-to-talk" ? held : !muted;
  return { microphone: useMicrophone(room, open), open, muted, setMuted, hold };
}
