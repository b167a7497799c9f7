/** Push-to-talk: held while any finger is on the button or on the space bar. */

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

/** Properties of the focused element that matter for the space bar. */
export interface Focus {
  readonly tag: string;
  readonly role: string | null;
  readonly editable: boolean;
}

const TAKES_SPACE = new Set(["INPUT", "TEXTAREA", "SELECT", "BUTTON", "A", "SUMMARY", "OPTION", "DIALOG"]);

/** True if the space bar has no function of its own at `focus`, such as typing a space or pressing a button. */
export function spaceIsFree(focus: Focus | null): boolean {
  return !focus || !(TAKES_SPACE.has(focus.tag) || focus.role !== null || focus.editable);
}
