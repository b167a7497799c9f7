/** Schedule of attempts to reconnect to a room. */

const FIRST_MS = [0, 300, 1000, 2000];
const THEN_MS = 4000;
/** Time for which the token is certainly valid. */
const GIVE_UP_MS = 5 * 60_000;

/** Milliseconds to wait before attempt number `tried` (from 0), `elapsedMs` after the loss; null means to give up. */
export function nextTryMs(tried: number, elapsedMs: number): number | null {
  return elapsedMs > GIVE_UP_MS ? null : (FIRST_MS[tried] ?? THEN_MS);
}
