"use client";

import { useState } from "react";
import { RoomAudioRenderer, RoomContext } from "@livekit/components-react";

import { useMedia } from "@/hooks/useMedia";
import { useRemembered } from "@/hooks/remembered";
import { Choice } from "@/components/Choice";
import { Dialog } from "@/components/Dialog";
import { NoticeCard } from "@/components/NoticeCard";
import { Switch } from "@/components/Switch";
import { Composer } from "@/room/Composer";
import { ConnectionBar } from "@/room/ConnectionBar";
import { Controls } from "@/room/Controls";
import { Invitation } from "@/room/Invitation";
import { Panel } from "@/room/Panel";
import { Presence } from "@/room/Presence";
import { TranscriptView } from "@/room/TranscriptView";
import { useAgentState, useHands, useOthers } from "@/room/useAgent";
import { useJoined } from "@/room/useJoined";
import { useTalking, type TalkMode } from "@/room/useTalking";
import { useTranscript } from "@/room/useTranscript";
import { useWakeLock } from "@/room/useWakeLock";
import type { Admission } from "@/server/api";
import type { Notice } from "@/words/notice";

interface Props {
  readonly admission: Admission;
  readonly failed: (failure: unknown) => Notice | null;
  readonly onLeave: (notice?: Notice) => void;
}

const MODES = [
  { value: "hands-free", label: "Hands-free" },
  { value: "push-to-talk", label: "Push to talk" },
] as const;

const WIDE = "(min-width: 62rem)";

/** The room, joined while this component is shown. */
export function RoomScreen(props: Props) {
  const room = useJoined(props.admission, props.onLeave);
  return (
    <RoomContext.Provider value={room}>
      <RoomAudioRenderer />
      <Inside {...props} />
    </RoomContext.Provider>
  );
}

function Inside({ admission, failed, onLeave }: Props) {
  const others = useOthers();
  const state = useAgentState(others);
  const ask = useHands();
  const [mode, setMode] = useRemembered("talking", "hands-free");
  const [announced, setAnnounced] = useRemembered("announce");
  const talking = useTalking(mode as TalkMode, state, ask);
  const [transcript, write] = useTranscript();
  const [menu, setMenu] = useState(false);
  const wide = useMedia(WIDE);
  useWakeLock();
  const panel = (
    <Panel others={others} onLeave={onLeave} failed={failed}>
      <Choice<TalkMode> legend="Talking" options={MODES} value={mode as TalkMode} onChange={setMode} />
      <Switch label="Read new words out to a screen reader" on={announced !== ""} onChange={(on) => setAnnounced(on ? "yes" : "")} />
    </Panel>
  );
  return (
    <div className="room-screen">
      <ConnectionBar room={admission.room} onLeave={onLeave} {...(!wide && { onMenu: () => setMenu(true) })} />
      <main className="talk">
        <Presence state={state} others={others} announced={announced !== ""} />
        {talking.microphone.notice && (
          <NoticeCard notice={talking.microphone.notice} action={{ label: "Try again", run: talking.microphone.retry }} />
        )}
        <TranscriptView transcript={transcript} announced={announced !== ""}>
          {state === "absent" && <Invitation room={admission.room} />}
        </TranscriptView>
        <Composer write={write} />
        <Controls talking={talking} mode={mode as TalkMode} state={state} ask={ask} />
      </main>
      {wide && <aside className="beside" aria-label="Room and settings">{panel}</aside>}
      {!wide && menu && (
        <Dialog title={admission.room} onClose={() => setMenu(false)}>
          {panel}
        </Dialog>
      )}
    </div>
  );
}
