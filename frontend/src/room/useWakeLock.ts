"use client";

import { useEffect } from "react";

/** Keep the screen on while the component is mounted and visible. */
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
    // Refused when the battery is nearly empty: the screen goes dark, and the conversation continues.
    const tryToHold = (): void => void hold().catch(() => undefined);
    tryToHold();
    // The system releases the lock whenever the page is hidden.
    document.addEventListener("visibilitychange", tryToHold);
    return () => {
      current = false;
      document.removeEventListener("visibilitychange", tryToHold);
      void lock?.release();
    };
  }, []);
}
