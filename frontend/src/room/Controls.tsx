"use client";

import { useEffect, useEffectEvent, useRef, useState } from "react";

import { DoneIcon, MicrophoneIcon, SkipIcon, StopIcon } from "@/components/icons";
import type { Microphone } from "@/room/useMicrophone";
import { useLevel } from "@/room/useLevel";
import type { Talking, TalkMode } from "@/room/useTalking";
import { concerns, nextRequest, type AgentState, type Request } from "@/state/agent";

interface Props {
  readonly talking: Talking;
  readonly mode: TalkMode;
  readonly state: AgentState;
  readonly ask: (request: Request) => Promise<boolean>;
}

const LABEL = { skip: "Skip", send: "Done", stop: "Stop" } as const;

/** Controls of a conversation: three big buttons with fixed positions. */
export function Controls({ talking, mode, state, ask }: Props) {
  const [deaf, setDeaf] = useState(false);
  const next = nextRequest(state);
  const request = async (what: Request): Promise<void> => setDeaf(!(await ask(what)));
  const escaped = useEffectEvent((event: KeyboardEvent) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]") && concerns("stop", state)) void request("stop");
  });
  useEffect(() => {
    window.addEventListener("keydown", escaped);
    return () => window.removeEventListener("keydown", escaped);
  }, []);
  return (
    <section className="controls" aria-label="Talking">
      <button type="button" className="button round" disabled={!concerns(next, state)} onClick={() => request(next)}>
        {next === "skip" ? <SkipIcon /> : <DoneIcon />}
        <span>{LABEL[next]}</span>
      </button>
      {mode === "push-to-talk" ? <HoldButton talking={talking} /> : <MuteButton talking={talking} />}
      <button
        type="button"
        className="button round"
        disabled={!concerns("stop", state)}
        aria-keyshortcuts="Escape"
        onClick={() => request("stop")}
      >
        <StopIcon />
        <span>{LABEL.stop}</span>
      </button>
      <p className="unseen" role="status">
        {deaf && "The agent did not answer."}
      </p>
    </section>
  );
}

function MuteButton({ talking: { microphone, muted, setMuted } }: { readonly talking: Talking }) {
  const meter = useRef<HTMLButtonElement>(null);
  useLevel(meter, muted ? null : microphone.track);
  return (
    <button
      ref={meter}
      type="button"
      className="button talk-button"
      data-open={Boolean(microphone.track) && !muted}
      disabled={!microphone.track}
      onClick={() => setMuted(!muted)}
    >
      <MicrophoneIcon off={muted || !microphone.track} />
      <span>{microphone.track ? (muted ? "Unmute" : "Mute") : missing(microphone)}</span>
    </button>
  );
}

function missing({ notice }: Microphone): string {
  return notice ? "No microphone" : "One moment…";
}

function HoldButton({ talking: { microphone, open, hold } }: { readonly talking: Talking }) {
  const meter = useRef<HTMLButtonElement>(null);
  useLevel(meter, open ? microphone.track : null);
  const onKey = (event: React.KeyboardEvent, act: () => void): void => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    act();
  };
  return (
    <button
      ref={meter}
      type="button"
      className="button talk-button hold"
      data-open={open}
      aria-keyshortcuts="Space"
      disabled={!microphone.track}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        hold.press();
      }}
      onPointerUp={hold.release}
      onPointerCancel={hold.release}
      onLostPointerCapture={hold.release}
      onKeyDown={(event) => onKey(event, hold.press)}
      onKeyUp={(event) => onKey(event, hold.release)}
      onBlur={hold.release}
      onContextMenu={(event) => event.preventDefault()}
    >
      <MicrophoneIcon off={!microphone.track} />
      <span>{microphone.track ? (open ? "Speak now" : "Hold to talk") : missing(microphone)}</span>
    </button>
  );
}
