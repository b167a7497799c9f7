"use client";

import { useEffect } from "react";

/** Keep the screen on while the component lives and is seen. */
export function useWakeLock(): void {
  useEffect(() => {
    if (!("wakeLock" in navigator)) return;
    let lock: WakeLockSentinel | null = null;
    let current = true;
    const hold = async (): Promise<void> => {
      if (document.hidden) return;
      const got = await navigator.wakeLock.request("screen");
      if (current) lock = got;
      else await got.release();
    };
    // Refused on a battery that is nearly empty: the screen goes dark, the talk goes on.
    const tryToHold = (): void => void hold().catch(() => undefined);
    tryToHold();
    // A system takes the lock back whenever the page is hidden.
    document.addEventListener("visibilitychange", tryToHold);
    return () => {
      current = false;
      document.removeEventListener("visibilitychange", tryToHold);
      void lock?.release();
    };
  }, []);
}
