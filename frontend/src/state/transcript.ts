/** The transcript: spoken and typed lines, in the order in which they began. */

export interface Who {
  readonly identity: string;
  readonly name: string;
  readonly kind: "you" | "person" | "agent";
}

export interface Line {
  /** Identifier shared by all versions of one utterance. */
  readonly segment: string;
  readonly who: Who;
  readonly text: string;
  /** Time of the first version, in milliseconds since 1970. */
  readonly at: number;
  /** True if the line will not change any more. */
  readonly final: boolean;
  readonly typed: boolean;
  /** True if somebody interrupted; the text is the part that was heard. */
  readonly interrupted: boolean;
  /** Version number, which grows with each stream for the utterance. */
  readonly version: number;
}

export type Transcript = readonly Line[];

export const EMPTY: Transcript = [];

/** Most lines kept: an afternoon of talking. */
export const KEPT = 1000;

/**
 * Return the transcript with `line`: in place of the earlier version of the same utterance, else at the end.
 *
 * Streams can overtake each other, so an older version than the present one changes nothing. An utterance whose text
 * turns out empty is removed.
 */
export function withLine(transcript: Transcript, line: Line): Transcript {
  const index = transcript.findLastIndex((other) => other.segment === line.segment && other.who.identity === line.who.identity);
  const before = transcript[index];
  if (!before) return line.text.trim() ? [...transcript, line].slice(-KEPT) : transcript;
  if (line.version < before.version) return transcript;
  if (!line.text.trim()) return line.final ? transcript.toSpliced(index, 1) : transcript;
  return transcript.with(index, { ...line, at: before.at });
}
