"use client";

import { useCallback, useEffect, useEffectEvent, useState } from "react";

import * as server from "@/server/api";
import type { Notice } from "@/words/notice";

const EVERY_MS = 5_000;

export interface Overview {
  /** Null until loaded. */
  readonly rooms: readonly server.RoomInfo[] | null;
  readonly status: server.ServiceStatus | null;
  readonly notice: Notice | null;
  readonly refresh: () => void;
}

/** Rooms and services, polled every few seconds while the page is visible. */
export function useOverview(failed: (failure: unknown) => Notice | null): Overview {
  const [rooms, setRooms] = useState<readonly server.RoomInfo[] | null>(null);
  const [status, setStatus] = useState<server.ServiceStatus | null>(null);
  const [notice, setNotice] = useState<Notice | null>(null);
  const tell = useEffectEvent(failed);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let current = true;
    const look = async (): Promise<void> => {
      if (document.hidden) return;
      try {
        const [found, told] = await Promise.all([server.rooms(), server.status()]);
        if (!current) return;
        setRooms(found);
        setStatus(told);
        setNotice(null);
      } catch (failure) {
        if (current) setNotice(tell(failure));
      }
    };
    void look();
    const timer = setInterval(() => void look(), EVERY_MS);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [asked]);
  const refresh = useCallback(() => setAsked((times) => times + 1), []);
  return { rooms, status, notice, refresh };
}
