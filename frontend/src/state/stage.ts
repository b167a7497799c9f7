/** The view that the page shows. */

import type { Admission, Way } from "@/server/api";
import type { Notice } from "@/words/notice";

export type Stage =
  | { readonly at: "arriving" }
  | { readonly at: "sign-in"; readonly ways: readonly Way[]; readonly notice: Notice | null }
  /** `room` is the requested room; empty means any. */
  | { readonly at: "lobby"; readonly room: string; readonly notice: Notice | null }
  | { readonly at: "room"; readonly admission: Admission }
  | { readonly at: "cut-off"; readonly notice: Notice };

export type Event =
  | { readonly type: "arrived" }
  | { readonly type: "signed-in"; readonly room?: string }
  | { readonly type: "signed-out"; readonly ways: readonly Way[]; readonly notice?: Notice | undefined }
  | { readonly type: "entered"; readonly admission: Admission }
  | { readonly type: "left"; readonly notice?: Notice | undefined }
  | { readonly type: "cut-off"; readonly notice: Notice };

export const ARRIVING: Stage = { at: "arriving" };

export function stage(now: Stage, event: Event): Stage {
  switch (event.type) {
    case "arrived":
      return ARRIVING;
    case "signed-in":
      return { at: "lobby", room: event.room ?? "", notice: null };
    case "signed-out":
      return { at: "sign-in", ways: event.ways, notice: event.notice ?? null };
    case "entered":
      return { at: "room", admission: event.admission };
    case "left":
      return { at: "lobby", room: roomOf(now), notice: event.notice ?? null };
    case "cut-off":
      return { at: "cut-off", notice: event.notice };
  }
}

/** The joined room; empty if none. */
function roomOf(now: Stage): string {
  return now.at === "room" ? now.admission.room : "";
}
