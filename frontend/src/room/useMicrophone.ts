"use client";

import { useCallback, useEffect, useState } from "react";
import {
  ConnectionState,
  createLocalAudioTrack,
  RoomEvent,
  Track,
  TrackEvent,
  type LocalAudioTrack,
  type LocalTrack,
  type Room,
} from "livekit-client";

import { recall } from "@/hooks/remembered";
import { explainMicrophone, INSECURE, UNPLUGGED } from "@/room/failures";
import type { Notice } from "@/words/notice";

export interface Microphone {
  /** Null until the microphone is open and published. */
  readonly track: LocalAudioTrack | null;
  readonly notice: Notice | null;
  readonly retry: () => void;
}

/** This device's microphone in the room: unmuted while `open`, otherwise muted but ready. */
export function useMicrophone(room: Room, open: boolean): Microphone {
  const [track, setTrack] = useState<LocalAudioTrack | null>(null);
  const [notice, setNotice] = useState<Notice | null>(null);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const opening = new AbortController();
    publish(room, opening.signal, {
      published: setTrack,
      failed: (why) => {
        setTrack(null);
        setNotice(why);
      },
    });
    return () => opening.abort();
  }, [room, attempt]);

  useEffect(() => {
    // A failure here is a failure of the connection, which is shown elsewhere.
    if (track) void (open ? track.unmute() : track.mute()).catch(() => undefined);
  }, [track, open]);

  const retry = useCallback(() => {
    setNotice(null);
    setAttempt((times) => times + 1);
  }, []);
  return { track, notice, retry };
}

interface Outcome {
  readonly published: (track: LocalAudioTrack) => void;
  readonly failed: (notice: Notice) => void;
}

/** Open the device while the room is still being joined, then publish it muted, until `signal` aborts. */
function publish(room: Room, signal: AbortSignal, { published, failed }: Outcome): void {
  const run = async (): Promise<void> => {
    const track = await createLocalAudioTrack(constraints());
    if (signal.aborted) track.stop();
    signal.throwIfAborted();
    signal.addEventListener("abort", () => track.stop());
    track.once(TrackEvent.Ended, () => !signal.aborted && failed(UNPLUGGED));
    await Promise.all([track.mute(), joined(room, signal)]);
    await room.localParticipant.publishTrack(track as LocalTrack, { source: Track.Source.Microphone });
    published(track);
  };
  // TypeScript's type claims that `mediaDevices` always exists; on pages without TLS it does not.
  if ((navigator.mediaDevices as MediaDevices | undefined) === undefined) failed(INSECURE);
  else run().catch((failure: unknown) => !signal.aborted && failed(explainMicrophone(failure)));
}

function constraints(): Parameters<typeof createLocalAudioTrack>[0] {
  const deviceId = recall("microphone");
  return { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...(deviceId && { deviceId }) };
}

function joined(room: Room, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (room.state === ConnectionState.Connected) resolve();
    else room.once(RoomEvent.Connected, resolve);
    signal.addEventListener("abort", () => room.off(RoomEvent.Connected, resolve));
  });
}
