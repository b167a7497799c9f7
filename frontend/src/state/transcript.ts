/** The transcript: what was said and typed, in the order in which it began. */

export interface Who {
  readonly identity: string;
  readonly name: string;
  readonly kind: "you" | "person" | "agent";
}

export interface Line {
  /** The same for all versions of one utterance. */
  readonly segment: string;
  readonly who: Who;
  readonly text: string;
  /** Milliseconds since 1970, when its first version came. */
  readonly at: number;
  /** Nothing will be changed any more. */
  readonly final: boolean;
  readonly typed: boolean;
  /** Somebody took the word; the text is what was heard of it. */
  readonly interrupted: boolean;
  /** Grows with each stream that has carried a version of it. */
  readonly version: number;
}

export type Transcript = readonly Line[];

export const EMPTY: Transcript = [];

/** The longest that is kept: an afternoon of talking. */
export const KEPT = 1000;

/**
 * The transcript with `line` in it: in place of the earlier version of the same utterance, else at its end.
 *
 * Streams may overtake each other: a version older than what is there changes nothing. An utterance that has come to
 * nothing goes.
 */
export function withLine(transcript: Transcript, line: Line): Transcript {
  const index = transcript.findLastIndex((other) => other.segment === line.segment && other.who.identity === line.who.identity);
  const before = transcript[index];
  if (!before) return line.text.trim() ? [...transcript, line].slice(-KEPT) : transcript;
  if (line.version < before.version) return transcript;
  if (!line.text.trim()) return line.final ? transcript.toSpliced(index, 1) : transcript;
  return transcript.with(index, { ...line, at: before.at });
}
