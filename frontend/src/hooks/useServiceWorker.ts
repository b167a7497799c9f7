"use client";

import { useEffect } from "react";

/** Register the service worker, which makes the page installable and shows an explanation while the server is away. */
export function useServiceWorker(): void {
  useEffect(() => {
    if (process.env.NODE_ENV !== "production" || !("serviceWorker" in navigator)) return;
    // Without a service worker (private window, untrusted certificate) the page works, but cannot be installed.
    navigator.serviceWorker.register("/sw.js").catch(() => undefined);
  }, []);
}
