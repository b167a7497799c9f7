"use client";

import { useEffect } from "react";

/** What makes the page installable, and lets it open and explain itself while the server is away. */
export function useServiceWorker(): void {
  useEffect(() => {
    if (process.env.NODE_ENV !== "production" || !("serviceWorker" in navigator)) return;
    // Without one (a private window, a certificate that is not trusted) only the installing is missed.
    navigator.serviceWorker.register("/sw.js").catch(() => undefined);
  }, []);
}
