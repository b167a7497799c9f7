"use client";

import { useConnectionQualityIndicator, useConnectionState, useRoomContext } from "@livekit/components-react";
import { ConnectionQuality, ConnectionState } from "livekit-client";

import { MenuIcon, SignalIcon } from "@/components/icons";

interface Props {
  readonly room: string;
  readonly onLeave: () => void;
  /** Omitted while the panel is visible. */
  readonly onMenu?: () => void;
}

/** Room name, connection quality, and a button to leave. */
export function ConnectionBar({ room, onLeave, onMenu }: Props) {
  return (
    <header className="bar-top">
      <h1>{room}</h1>
      <Connection />
      {onMenu && (
        <button type="button" className="button icon-only" onClick={onMenu} aria-label="Room and settings" aria-haspopup="dialog">
          <MenuIcon />
        </button>
      )}
      <button type="button" className="button quiet leave" onClick={() => onLeave()}>
        Leave
      </button>
    </header>
  );
}

const QUALITY: Readonly<Record<ConnectionQuality, { readonly word: string; readonly bars: number }>> = {
  [ConnectionQuality.Excellent]: { word: "Very good", bars: 4 },
  [ConnectionQuality.Good]: { word: "Good", bars: 3 },
  [ConnectionQuality.Poor]: { word: "Poor", bars: 1 },
  [ConnectionQuality.Lost]: { word: "Lost", bars: 0 },
  [ConnectionQuality.Unknown]: { word: "Connected", bars: 2 },
};

const STATE: Readonly<Record<ConnectionState, string>> = {
  [ConnectionState.Disconnected]: "Not connected",
  [ConnectionState.Connecting]: "Connecting…",
  [ConnectionState.Connected]: "",
  [ConnectionState.Reconnecting]: "Reconnecting…",
  [ConnectionState.SignalReconnecting]: "Reconnecting…",
};

function Connection() {
  const room = useRoomContext();
  const state = useConnectionState();
  const { quality } = useConnectionQualityIndicator({ participant: room.localParticipant });
  const { word, bars } = QUALITY[quality];
  const connected = state === ConnectionState.Connected;
  return (
    <p className="connection" role="status" data-connected={connected}>
      <SignalIcon of={connected ? bars : 0} />
      <span className={connected ? "where-wide" : ""}>{connected ? word : STATE[state]}</span>
    </p>
  );
}
