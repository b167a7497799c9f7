"use client";

import { useCallback, useEffect, useReducer } from "react";

import { loadRoomScreen } from "@/components/roomScreen";
import * as server from "@/server/api";
import { linkIn, NO_LINK, type Link } from "@/state/pairing";
import { ARRIVING, stage, type Event, type Stage } from "@/state/stage";
import { explain, needsSignIn } from "@/words/failures";
import type { Notice } from "@/words/notice";

/** The view to show, and ways to change it. */
export interface Staging {
  readonly now: Stage;
  readonly go: (event: Event) => void;
  /** Check the session with the server again. */
  readonly arrive: () => void;
  /** Return to sign-in if `failure` requires it, else return a notice about `failure`. */
  readonly failed: (failure: unknown) => Notice | null;
}

export function useStage(): Staging {
  const [now, go] = useReducer(stage, ARRIVING);
  const arrive = useCallback(() => {
    go({ type: "arrived" });
    void whoWeAre(takeLink()).then(go);
  }, []);
  useEffect(() => {
    void whoWeAre(takeLink()).then(go);
    // In a window that already shows the page, opening a link changes only the fragment.
    window.addEventListener("hashchange", arrive);
    return () => window.removeEventListener("hashchange", arrive);
  }, [arrive]);
  const failed = useCallback((failure: unknown) => {
    if (!needsSignIn(failure)) return explain(failure);
    void whoWeAre(NO_LINK).then(go);
    return null;
  }, []);
  return { now, go, arrive, failed };
}

/** Read the link, and remove it from the address bar and the history. */
function takeLink(): Link {
  const link = linkIn(location.hash);
  if (location.hash) history.replaceState(null, "", location.pathname);
  return link;
}

async function whoWeAre(link: Link): Promise<Event> {
  try {
    return await (link.code ? paired(link) : known(link));
  } catch (failure) {
    return { type: "cut-off", notice: explain(failure) };
  }
}

async function known({ room }: Link, notice?: Notice): Promise<Event> {
  const { signedIn, ways } = await server.session();
  return signedIn ? { type: "signed-in", room } : { type: "signed-out", ways, notice };
}

async function paired(link: Link): Promise<Event> {
  // A person with a link comes to talk: preload the code of the room.
  void loadRoomScreen();
  try {
    await server.pair(link.code);
  } catch (failure) {
    if (!(failure instanceof server.Refused)) throw failure;
    // An expired link does no harm in a browser that is signed in.
    return known(link, explain(failure));
  }
  return { type: "signed-in", room: link.room };
}
