/** The content of a link's fragment, which is never sent to a server, and so is never in a log. */

export interface Link {
  /** One-time code that signs this device in; empty if the link has none. */
  readonly code: string;
  /** The room to go to; empty means any. */
  readonly room: string;
}

/** Parse `#pair=CODE&room=NAME`. */
export function linkIn(fragment: string): Link {
  const parts = new URLSearchParams(fragment.replace(/^#/, ""));
  return { code: parts.get("pair") ?? "", room: parts.get("room") ?? "" };
}

export const NO_LINK: Link = { code: "", room: "" };
