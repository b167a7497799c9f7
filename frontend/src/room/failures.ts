/** Messages for failures of rooms and microphones. */

import { ConnectionError, ConnectionErrorReason, DisconnectReason } from "livekit-client";

import { explain } from "@/words/failures";
import type { Notice } from "@/words/notice";

const NO_LIVEKIT: Notice = {
  title: "The room cannot be reached.",
  todo: "LiveKit, which carries the voice, does not answer. Start it on the agent's machine:",
  command: "voicemode service start livekit",
};

const MICROPHONE: Readonly<Record<string, Notice>> = {
  NotAllowedError: {
    title: "The microphone is not permitted.",
    todo: "Allow it for this page, in the browser's address bar or its settings, then try again. Typing works meanwhile.",
  },
  NotFoundError: {
    title: "There is no microphone.",
    todo: "Connect one and try again. Typing works meanwhile.",
  },
  NotReadableError: {
    title: "The microphone is in use.",
    todo: "Another program holds it. Close that one and try again. Typing works meanwhile.",
  },
  OverconstrainedError: {
    title: "The chosen microphone has gone.",
    todo: "Choose another one. Typing works meanwhile.",
  },
};

/** Browsers give a microphone only to pages from a secure origin. */
export const INSECURE: Notice = {
  title: "This browser gives the page no microphone.",
  todo: "It does so only over https. Open the page on the agent's machine itself, or serve it with a certificate:",
  command: "voicemode frontend open --lan",
};

export const UNPLUGGED: Notice = {
  title: "The microphone has gone.",
  todo: "It was unplugged, or its permission was taken back. Connect it and try again. Typing works meanwhile.",
};

/** Explain why there is no microphone. */
export function explainMicrophone(failure: unknown): Notice {
  return (failure instanceof Error && MICROPHONE[failure.name]) || explain(failure);
}

/** Explain why the room could not be joined. */
export function explainJoining(failure: unknown): Notice {
  if (!(failure instanceof ConnectionError)) return explain(failure);
  if (failure.reason === ConnectionErrorReason.NotAllowed) {
    return { title: "The room does not let you in.", todo: "Join again: what opened it was valid for a few minutes only." };
  }
  return NO_LIVEKIT;
}

/** Explain why the room was left. */
export function explainLeaving(reason: DisconnectReason | undefined): Notice {
  switch (reason) {
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return { title: "The room was ended for everybody.", todo: "Start talking to open it again." };
    case DisconnectReason.DUPLICATE_IDENTITY:
      return { title: "You joined from another window.", todo: "This one was left. Start talking to come back here." };
    case DisconnectReason.PARTICIPANT_REMOVED:
      return { title: "You were sent out of the room.", todo: "Start talking to come back." };
    default:
      return NO_LIVEKIT;
  }
}
