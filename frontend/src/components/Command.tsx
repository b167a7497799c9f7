"use client";

import { useEffect, useState } from "react";

const THANKED_MS = 2_000;

/** Text for use elsewhere, in a terminal or by an agent: one press copies it. */
export function Command({ text }: { readonly text: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), THANKED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      // Copying is not permitted: the person can select the text.
    }
  };
  return (
    <div className="command">
      <code>{text}</code>
      <button type="button" className="button quiet small" onClick={copy} aria-label={copied ? "Copied" : `Copy: ${text}`}>
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
