"use client";

import { useEffect, useReducer } from "react";

import { LET_GO, press, release, spaceIsFree, type Finger, type Holding } from "@/state/holding";

type Change = readonly ["press" | "release", Finger] | readonly ["let go"];

function change(holding: Holding, [what, finger]: Change): Holding {
  if (what === "let go") return LET_GO;
  return what === "press" ? press(holding, finger) : release(holding, finger);
}

export interface Hold {
  readonly held: boolean;
  readonly press: () => void;
  readonly release: () => void;
}

/** State of push-to-talk, held by the space bar or by calls of `press`; never held while not `enabled`. */
export function useHold(enabled: boolean): Hold {
  const [holding, dispatch] = useReducer(change, LET_GO);
  useEffect(() => {
    if (!enabled) return;
    const listening = new AbortController();
    const { signal } = listening;
    window.addEventListener("keydown", (event) => pressed(event) && dispatch(["press", "key"]), { signal });
    window.addEventListener("keyup", (event) => event.code === "Space" && dispatch(["release", "key"]), { signal });
    // After the window loses focus, a release is invisible to us.
    window.addEventListener("blur", () => dispatch(["let go"]), { signal });
    return () => {
      listening.abort();
      dispatch(["let go"]);
    };
  }, [enabled]);
  return {
    held: enabled && holding.size > 0,
    press: () => dispatch(["press", "pointer"]),
    release: () => dispatch(["release", "pointer"]),
  };
}

/** True if `event` is the space bar, meant for us; then the page does not scroll. */
function pressed(event: KeyboardEvent): boolean {
  if (event.code !== "Space" || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (document.querySelector("dialog[open]") || !spaceIsFree(focus(event.target))) return false;
  event.preventDefault();
  return !event.repeat;
}

function focus(target: EventTarget | null): Parameters<typeof spaceIsFree>[0] {
  if (!(target instanceof HTMLElement)) return null;
  return { tag: target.tagName, role: target.getAttribute("role"), editable: target.isContentEditable };
}
