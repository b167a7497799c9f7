/** Messages for failures of our own server. */

import { Refused, Unreachable } from "@/server/api";
import type { Notice } from "@/words/notice";

export const GONE: Notice = {
  title: "VoiceMode does not answer.",
  todo: "Its page server has stopped, or this device has left the network. Start it again on the agent's machine:",
  command: "voicemode service start frontend",
};

const EXPIRED: Notice = {
  title: "This link does not open any more.",
  todo: "Each link works once, for ten minutes. Make a new one on the agent's machine:",
  command: "voicemode frontend open",
};

const WRONG_PASSWORD: Notice = {
  title: "That is not the password.",
  todo: "Try again. It is the one that was set on the agent's machine.",
};

const SIGNED_OUT: Notice = {
  title: "You are signed out.",
  todo: "Sign in again to go on.",
};

/** Explain `failure`; an unforeseen failure is shown with its own message. */
export function explain(failure: unknown): Notice {
  if (failure instanceof Unreachable) return GONE;
  if (failure instanceof Refused) return refused(failure);
  return { title: "That did not work.", todo: failure instanceof Error ? failure.message : String(failure) };
}

/** True if the person has to sign in first. */
export function needsSignIn(failure: unknown): boolean {
  return failure instanceof Refused && failure.code === "signed_out";
}

function refused(failure: Refused): Notice {
  switch (failure.code) {
    case "expired_link":
      return EXPIRED;
    case "wrong_password":
      return WRONG_PASSWORD;
    case "signed_out":
      return SIGNED_OUT;
    case "too_many_attempts":
      return { title: "Too many attempts.", todo: `Wait ${inWords(failure.retryAfterSeconds)}, then try again.` };
    default:
      return { title: failure.message || "VoiceMode refuses that.", todo: failure.hint };
  }
}

function inWords(seconds: number): string {
  if (seconds <= 0) return "a moment";
  if (seconds < 90) return `${Math.ceil(seconds)} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
