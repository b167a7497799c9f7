/** What a link says in its fragment: that is never sent to a server, and so never in a log. */

export interface Link {
  /** Signs this device in, once; empty where the link has none. */
  readonly code: string;
  /** The room to go to; empty is any. */
  readonly room: string;
}

/** `#pair=CODE&room=NAME` in parts. */
export function linkIn(fragment: string): Link {
  const parts = new URLSearchParams(fragment.replace(/^#/, ""));
  return { code: parts.get("pair") ?? "", room: parts.get("room") ?? "" };
}

export const NO_LINK: Link = { code: "", room: "" };
