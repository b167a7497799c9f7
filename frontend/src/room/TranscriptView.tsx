"use client";

import { useEffect, useRef, useState, type ReactNode } from "react";

import { DownIcon } from "@/components/icons";
import type { Line, Transcript } from "@/state/transcript";

interface Props {
  readonly transcript: Transcript;
  /** True to let screen readers announce new lines. */
  readonly announced: boolean;
  /** Content below the newest line. */
  readonly children: ReactNode;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
/** Largest distance from the end, in pixels, that counts as being at the end. */
const NEAR = 48;

/** The transcript, newest last; the view stays at the end unless the person has scrolled back. */
export function TranscriptView({ transcript, announced, children }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const toEnd = (): void => scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  useEffect(() => {
    if (following) toEnd();
  }, [transcript, following]);
  const scrolled = (): void => {
    const box = scroller.current;
    if (box) setFollowing(box.scrollHeight - box.scrollTop - box.clientHeight < NEAR);
  };
  return (
    <section className="transcript" aria-labelledby="transcript">
      <h2 id="transcript" className="unseen">
        Transcript
      </h2>
      {/* Announced on request only: the person hears the speech anyway. */}
      <div
        ref={scroller}
        className="lines"
        role="log"
        aria-live={announced ? "polite" : "off"}
        aria-labelledby="transcript"
        tabIndex={0}
        onScroll={scrolled}
      >
        <ol>
          {transcript.map((line) => (
            <Said key={`${line.who.identity} ${line.segment}`} line={line} />
          ))}
        </ol>
        {children}
      </div>
      {!following && (
        <button type="button" className="button icon-only to-end" onClick={toEnd} aria-label="To the newest words">
          <DownIcon />
        </button>
      )}
    </section>
  );
}

function Said({ line }: { readonly line: Line }) {
  const at = new Date(line.at);
  return (
    <li className="said" data-who={line.who.kind} data-final={line.final} data-segment={line.segment}>
      <p className="said-head">
        <span className="said-who">{line.who.name}</span>
        <time dateTime={at.toISOString()} title={at.toLocaleTimeString()}>
          {CLOCK.format(at)}
        </time>
        {line.typed && <span className="said-note">typed</span>}
        {line.interrupted && <span className="said-note">interrupted</span>}
      </p>
      <p className="said-text">{line.text}</p>
    </li>
  );
}
