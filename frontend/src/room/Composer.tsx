"use client";

import { useState, type SyntheticEvent } from "react";

import { SendIcon } from "@/components/icons";

interface Props {
  readonly write: (text: string) => Promise<void>;
}

/** Text input for a person who cannot talk at the moment. */
export function Composer({ write }: Props) {
  const [text, setText] = useState("");
  const [unsent, setUnsent] = useState(false);
  const submit = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    const written = text.trim();
    if (!written) return;
    try {
      await write(written);
      setText("");
      setUnsent(false);
    } catch {
      setUnsent(true);
    }
  };
  return (
    <form className="composer" onSubmit={submit}>
      <input
        className="field"
        aria-label="Write instead of speaking"
        placeholder="Write instead of speaking"
        aria-invalid={unsent}
        enterKeyHint="send"
        autoComplete="off"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="button icon-only strong" disabled={!text.trim()} aria-label="Send">
        <SendIcon />
      </button>
      <p className="composer-trouble" role="status">
        {unsent && "Not sent: the connection is away. It is still here."}
      </p>
    </form>
  );
}
