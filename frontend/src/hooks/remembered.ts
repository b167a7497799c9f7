"use client";

import { useCallback, useState } from "react";

/** What this browser remembers; nothing secret. Where a browser forbids remembering, the page works without. */
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
    // Forbidden, or full: it is asked again the next time.
  }
}

/** A state that outlives the page. To be used where nothing is prerendered. */
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
