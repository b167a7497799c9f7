"use client";

import { useEffect, useEffectEvent, useState } from "react";
import { ConnectionState, DisconnectReason, Room, RoomEvent, type RoomOptions } from "livekit-client";

import { recall } from "@/hooks/remembered";
import { explainJoining, explainLeaving } from "@/room/failures";
import type { Admission } from "@/server/api";
import { nextTryMs } from "@/state/patience";
import type { Notice } from "@/words/notice";

function options(): RoomOptions {
  const loudspeaker = recall("loudspeaker");
  return {
    reconnectPolicy: { nextRetryDelayInMs: ({ retryCount, elapsedMs }) => nextTryMs(retryCount, elapsedMs) },
    // Push-to-talk must hear the first syllable: the device stays open while its track is muted.
    stopLocalTrackOnUnpublish: true,
    ...(loudspeaker && { audioOutput: { deviceId: loudspeaker } }),
  };
}

/** The room of `admission`, joined while the component is mounted. */
export function useJoined(admission: Admission, onLost: (notice: Notice) => void): Room {
  const [room] = useState(() => new Room(options()));
  const lost = useEffectEvent(onLost);
  useEffect(() => {
    let current = true;
    const left = (reason?: DisconnectReason): void => {
      if (current && reason !== DisconnectReason.CLIENT_INITIATED) lost(explainLeaving(reason));
    };
    room.on(RoomEvent.Disconnected, left);
    const join = async (): Promise<void> => {
      try {
        if (current) await room.connect(admission.url, admission.token, admission.direct ? { rtcConfig: { iceServers: [] } } : {});
      } catch (failure) {
        if (current) lost(explainJoining(failure));
      }
    };
    // Deferred: development mode runs effects, undoes them and runs them again, and a room that was left cannot be rejoined.
    queueMicrotask(() => void join());
    return () => {
      current = false;
      room.off(RoomEvent.Disconnected, left);
      if (room.state !== ConnectionState.Disconnected) void room.disconnect();
    };
  }, [room, admission]);
  return room;
}
