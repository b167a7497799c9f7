"use client";

import { useEffect, useEffectEvent, useState } from "react";

/** How long the microphone stays open after release: people let go during the last word. */
const TAIL_MS = 250;

interface Heard {
  readonly began: () => void;
  readonly ended: () => void;
}

/** True while the push-to-talk microphone is open: while `held`, and a moment longer. */
export function useHeldTalk(held: boolean, { began, ended }: Heard): boolean {
  const [open, setOpen] = useState(false);
  const begin = useEffectEvent(began);
  const end = useEffectEvent(ended);
  if (held && !open) setOpen(true);
  useEffect(() => {
    if (!open) return;
    begin();
    return end;
  }, [open]);
  useEffect(() => {
    if (held || !open) return;
    const timer = setTimeout(() => setOpen(false), TAIL_MS);
    return () => clearTimeout(timer);
  }, [held, open]);
  return open;
}
