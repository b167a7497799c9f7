/** Names of rooms and people, as the page sends them. */

export const LONGEST_NAME = 64;
export const DEFAULT_ROOM = "voicemode";

/** Collapse white space in `typed`, trim it, and limit its length. */
export function tidyName(typed: string): string {
  return typed.replace(/\s+/g, " ").trim().slice(0, LONGEST_NAME);
}

interface Chosen {
  readonly name: string;
  readonly people: number;
  readonly agents: number;
}

/** The room to offer: the last one if it still exists; else one with an agent; else the first; else a new one. */
export function offeredRoom(rooms: readonly Chosen[], last: string): string {
  const there = rooms.find((room) => room.name === last) ?? rooms.find((room) => room.agents > 0) ?? rooms[0];
  return there?.name ?? (last || DEFAULT_ROOM);
}
