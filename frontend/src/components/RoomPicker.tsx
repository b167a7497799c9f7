"use client";

import { useState, type SyntheticEvent } from "react";

import * as server from "@/server/api";
import { LONGEST_NAME, tidyName } from "@/state/names";

interface Props {
  readonly rooms: readonly server.RoomInfo[] | null;
  readonly chosen: string;
  readonly onChoose: (room: string) => void;
  readonly onCreated: () => void;
  readonly failed: (failure: unknown) => void;
}

/** List of rooms to choose from, and a way to create another. */
export function RoomPicker({ rooms, chosen, onChoose, onCreated, failed }: Props) {
  const shown = withChosen(rooms ?? [], chosen);
  return (
    <fieldset className="rooms">
      <legend>Room</legend>
      <ul>
        {shown.map((room) => (
          <li key={room.name}>
            <label className="room">
              <input type="radio" name="room" checked={room.name === chosen} onChange={() => onChoose(room.name)} />
              <span className="room-name">{room.name}</span>
              <span className="room-who" data-agent={room.agents > 0 || undefined}>
                {whoIsThere(room)}
              </span>
            </label>
          </li>
        ))}
      </ul>
      <NewRoom
        onCreated={(name) => {
          onChoose(name);
          onCreated();
        }}
        failed={failed}
      />
    </fieldset>
  );
}

function NewRoom({ onCreated, failed }: { readonly onCreated: (name: string) => void; readonly failed: Props["failed"] }) {
  const [typed, setTyped] = useState("");
  const create = async (): Promise<void> => {
    const name = tidyName(typed);
    if (!name) return;
    try {
      await server.createRoom(name);
      setTyped("");
      onCreated(name);
    } catch (failure) {
      failed(failure);
    }
  };
  const entered = (event: SyntheticEvent & { readonly key: string }): void => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    void create();
  };
  return (
    <div className="field-row">
      <input
        className="field"
        aria-label="Name of a new room"
        placeholder="New room"
        value={typed}
        maxLength={LONGEST_NAME}
        autoComplete="off"
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={entered}
      />
      <button type="button" className="button quiet" disabled={!tidyName(typed)} onClick={create}>
        Create
      </button>
    </div>
  );
}

type Shown = server.RoomInfo;

/** Add the chosen room if missing: an empty room need not exist yet, as joining creates it. */
function withChosen(rooms: readonly Shown[], chosen: string): readonly Shown[] {
  return !chosen || rooms.some((room) => room.name === chosen) ? rooms : [{ name: chosen, people: 0, agents: 0 }, ...rooms];
}

function whoIsThere({ people, agents }: Shown): string {
  const others = people === 0 ? "" : people === 1 ? "1 person" : `${people} people`;
  const agent = agents > 0 ? "agent is here" : "";
  return [agent, others].filter(Boolean).join(" · ") || "empty";
}
