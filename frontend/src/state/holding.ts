/** Push-to-talk: held as long as any finger is on it, be it on the button or on the space bar. */

export type Finger = "pointer" | "key";
export type Holding = ReadonlySet<Finger>;

export const LET_GO: Holding = new Set();

export function press(holding: Holding, finger: Finger): Holding {
  return holding.has(finger) ? holding : new Set([...holding, finger]);
}

export function release(holding: Holding, finger: Finger): Holding {
  if (!holding.has(finger)) return holding;
  return new Set([...holding].filter((other) => other !== finger));
}

/** What has the focus, as far as the space bar is concerned. */
export interface Focus {
  readonly tag: string;
  readonly role: string | null;
  readonly editable: boolean;
}

const TAKES_SPACE = new Set(["INPUT", "TEXTAREA", "SELECT", "BUTTON", "A", "SUMMARY", "OPTION", "DIALOG"]);

/** Whether a space bar pressed there is ours: it must go on typing spaces and pressing buttons. */
export function spaceIsFree(focus: Focus | null): boolean {
  return !focus || !(TAKES_SPACE.has(focus.tag) || focus.role !== null || focus.editable);
}
