"use client";

import { useState, type SyntheticEvent } from "react";

import { Command } from "@/components/Command";
import { NoticeCard } from "@/components/NoticeCard";
import * as server from "@/server/api";
import { explain } from "@/words/failures";
import type { Notice } from "@/words/notice";

interface Props {
  readonly ways: readonly server.Way[];
  readonly notice: Notice | null;
  readonly onSignedIn: () => void;
}

/** Sign-in view for new devices. */
export function SignIn({ ways, notice, onSignedIn }: Props) {
  const [trouble, setTrouble] = useState(notice);
  return (
    <section className="card" aria-labelledby="sign-in">
      <h1 id="sign-in">Sign in</h1>
      {trouble && <NoticeCard notice={trouble} />}
      {ways.includes("password") && <Password onSignedIn={onSignedIn} onTrouble={setTrouble} />}
      <div className="by-link">
        <p>
          {ways.includes("password") ? "Or open" : "Open"} a fresh link on this device. The agent’s machine prints one, with a
          code for a phone’s camera:
        </p>
        <Command text="voicemode frontend open" />
      </div>
    </section>
  );
}

interface PasswordProps {
  readonly onSignedIn: () => void;
  readonly onTrouble: (notice: Notice | null) => void;
}

function Password({ onSignedIn, onTrouble }: PasswordProps) {
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    onTrouble(null);
    try {
      await server.givePassword(password);
      onSignedIn();
    } catch (failure) {
      onTrouble(explain(failure));
      setPassword("");
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit}>
      <label className="labelled">
        <span>Password</span>
        <input
          className="field"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </label>
      <button type="submit" className="button strong wide" disabled={busy || !password}>
        Sign in
      </button>
    </form>
  );
}
