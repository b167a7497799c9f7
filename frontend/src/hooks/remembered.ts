"use client";

import { useCallback, useState } from "react";

/** Keys of values that this browser remembers; none is secret. The page also works without storage. */
export type Memory = "name" | "room" | "talking" | "microphone" | "loudspeaker" | "theme" | "announce";

export function recall(what: Memory): string {
  try {
    return localStorage.getItem(`voicemode.${what}`) ?? "";
  } catch {
    return "";
  }
}

export function remember(what: Memory, value: string): void {
  try {
    if (value) localStorage.setItem(`voicemode.${what}`, value);
    else localStorage.removeItem(`voicemode.${what}`);
  } catch {
    // Storage is forbidden or full: the page asks again next time.
  }
}

/** A state that outlives the page, for use where nothing is prerendered. */
export function useRemembered(what: Memory, initial = ""): readonly [string, (value: string) => void] {
  const [value, setValue] = useState(() => recall(what) || initial);
  const change = useCallback(
    (next: string) => {
      setValue(next);
      remember(what, next);
    },
    [what],
  );
  return [value, change];
}
