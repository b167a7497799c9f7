"use client";

import { useEffect, useState, type SyntheticEvent } from "react";

import { NoticeCard } from "@/components/NoticeCard";
import { RoomPicker } from "@/components/RoomPicker";
import { Services } from "@/components/Services";
import { ThemeChoice } from "@/components/ThemeChoice";
import { loadRoomScreen } from "@/components/roomScreen";
import { useRemembered } from "@/hooks/remembered";
import { useOverview } from "@/hooks/useOverview";
import * as server from "@/server/api";
import { LONGEST_NAME, offeredRoom, tidyName } from "@/state/names";
import type { Notice } from "@/words/notice";

interface Props {
  /** The requested room; empty means any. */
  readonly wanted: string;
  readonly notice: Notice | null;
  readonly onEnter: (admission: server.Admission) => void;
  readonly onSignOut: () => void;
  readonly failed: (failure: unknown) => Notice | null;
}

/** The view in which a person enters a name and picks a room. */
export function Lobby({ wanted, notice, onEnter, onSignOut, failed }: Props) {
  const overview = useOverview(failed);
  const [name, setName] = useRemembered("name");
  const [last, setLast] = useRemembered("room");
  const [picked, setPicked] = useState(wanted);
  const [trouble, setTrouble] = useState(notice);
  const [busy, setBusy] = useState(false);
  const chosen = picked || offeredRoom(overview.rooms ?? [], last);
  // Preload the code of the room while the person reads.
  useEffect(() => void loadRoomScreen(), []);
  const enter = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const [admission] = await Promise.all([server.admission(chosen, tidyName(name)), loadRoomScreen()]);
      setLast(chosen);
      onEnter(admission);
    } catch (failure) {
      setTrouble(failed(failure));
      setBusy(false);
    }
  };
  const shown = overview.notice ?? trouble;
  return (
    <div className="lobby">
      <form className="card" onSubmit={enter}>
        <h1>Talk with your agent</h1>
        {shown && <NoticeCard notice={shown} />}
        <label className="labelled">
          <span>Your name</span>
          <input
            className="field"
            autoComplete="nickname"
            required
            pattern=".*\S.*"
            maxLength={LONGEST_NAME}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <RoomPicker
          rooms={overview.rooms}
          chosen={chosen}
          onChoose={setPicked}
          onCreated={overview.refresh}
          failed={(failure) => setTrouble(failed(failure))}
        />
        <button type="submit" className="button strong wide" disabled={busy || !tidyName(name)}>
          {busy ? "Joining…" : "Start talking"}
        </button>
      </form>
      <aside className="card beside" aria-label="This VoiceMode">
        <Services status={overview.status} />
        <ThemeChoice />
        <button type="button" className="button quiet" onClick={onSignOut}>
          Sign out
        </button>
      </aside>
    </div>
  );
}
