/** Names of rooms and people, as the page sends them. */

export const LONGEST_NAME = 64;
export const DEFAULT_ROOM = "voicemode";

/** `typed` without what only looks the same: runs of white space, and such at its ends. */
export function tidyName(typed: string): string {
  return typed.replace(/\s+/g, " ").trim().slice(0, LONGEST_NAME);
}

interface Chosen {
  readonly name: string;
  readonly people: number;
  readonly agents: number;
}

/** The room to offer: where one was last, if it is still there; else where an agent is; else the first; else a new one. */
export function offeredRoom(rooms: readonly Chosen[], last: string): string {
  const there = rooms.find((room) => room.name === last) ?? rooms.find((room) => room.agents > 0) ?? rooms[0];
  return there?.name ?? (last || DEFAULT_ROOM);
}
