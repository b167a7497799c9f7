"use client";

import { useState, type ReactNode } from "react";
import { useRoomContext } from "@livekit/components-react";
import type { RemoteParticipant } from "livekit-client";

import { Dialog } from "@/components/Dialog";
import { NoticeCard } from "@/components/NoticeCard";
import { Services } from "@/components/Services";
import { ThemeChoice } from "@/components/ThemeChoice";
import { useOverview } from "@/hooks/useOverview";
import { Devices } from "@/room/Devices";
import { People } from "@/room/People";
import * as server from "@/server/api";
import type { Notice } from "@/words/notice";

interface Props {
  readonly others: readonly RemoteParticipant[];
  /** The settings for talking. */
  readonly children: ReactNode;
  readonly onLeave: (notice?: Notice) => void;
  readonly failed: (failure: unknown) => Notice | null;
}

/** Panel beside the conversation, or over it on a phone: people, settings, services. */
export function Panel({ others, children, onLeave, failed }: Props) {
  const { status } = useOverview(failed);
  return (
    <div className="panel">
      <People others={others} />
      {children}
      <Devices />
      <ThemeChoice />
      <Services status={status} />
      <EndForAll onEnded={() => onLeave()} failed={failed} />
    </div>
  );
}

interface EndProps {
  readonly onEnded: () => void;
  readonly failed: Props["failed"];
}

function EndForAll({ onEnded, failed }: EndProps) {
  const { name } = useRoomContext();
  const [asking, setAsking] = useState(false);
  const [trouble, setTrouble] = useState<Notice | null>(null);
  const end = async (): Promise<void> => {
    try {
      await server.endRoom(name);
      onEnded();
    } catch (failure) {
      setTrouble(failed(failure));
    }
  };
  return (
    <>
      <button type="button" className="button danger" onClick={() => setAsking(true)} aria-haspopup="dialog">
        End for everybody…
      </button>
      {asking && (
        <Dialog title="End this room?" onClose={() => setAsking(false)}>
          <p>Everybody in “{name}” is sent out, the agent too.</p>
          {trouble && <NoticeCard notice={trouble} />}
          <div className="field-row">
            <button type="button" className="button quiet" onClick={() => setAsking(false)} autoFocus>
              Keep it
            </button>
            <button type="button" className="button danger strong" onClick={end}>
              End for everybody
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
