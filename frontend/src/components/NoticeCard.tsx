"use client";

import { Command } from "@/components/Command";
import type { Notice } from "@/words/notice";

interface Props {
  readonly notice: Notice;
  /** Optional button with which the person can act. */
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** A failure and its remedy, read out by screen readers when it appears. */
export function NoticeCard({ notice, action }: Props) {
  return (
    <div className="notice" role="alert">
      <p className="notice-title">{notice.title}</p>
      {notice.todo && <p>{notice.todo}</p>}
      {notice.command && <Command text={notice.command} />}
      {action && (
        <button type="button" className="button quiet" onClick={action.run}>
          {action.label}
        </button>
      )}
    </div>
  );
}
