/** When to try again to reach a room that was lost. */

const FIRST_MS = [0, 300, 1000, 2000];
const THEN_MS = 4000;
/** As long as the token is sure to be good. */
const GIVE_UP_MS = 5 * 60_000;

/** Milliseconds to wait before try number `tried` (from 0), `elapsedMs` after the loss; null is to give up. */
export function nextTryMs(tried: number, elapsedMs: number): number | null {
  return elapsedMs > GIVE_UP_MS ? null : (FIRST_MS[tried] ?? THEN_MS);
}
