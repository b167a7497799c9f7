"use client";

import { useCallback, useEffect, useReducer } from "react";
import { useRoomContext } from "@livekit/components-react";
import { RoomEvent, type Room, type TextStreamReader } from "livekit-client";

import { party } from "@/room/parties";
import { whoSpoke } from "@/room/who";
import { EMPTY, withLine, type Line, type Transcript } from "@/state/transcript";

const SPOKEN = "lk.transcription";
const TYPED = "lk.chat";

/** Longest time that a line waits for its sender to appear in the room. */
const STRANGER_MS = 2_000;

type Arrived = (line: Line) => void;

/** The transcript of the room since it was joined, and a function to send text. */
export function useTranscript(): readonly [Transcript, (text: string) => Promise<void>] {
  const room = useRoomContext();
  const [transcript, arrived] = useReducer(withLine, EMPTY);
  useEffect(() => {
    let version = 0;
    for (const topic of [SPOKEN, TYPED]) {
      room.registerTextStreamHandler(topic, (reader, { identity }) => {
        version += 1;
        void follow(room, reader, { identity, typed: topic === TYPED, version }, arrived);
      });
    }
    return () => [SPOKEN, TYPED].forEach((topic) => room.unregisterTextStreamHandler(topic));
  }, [room]);
  const write = useCallback(
    async (text: string) => {
      const { id } = await room.localParticipant.sendText(text, { topic: TYPED });
      const who = whoSpoke(party(room.localParticipant), [], room.localParticipant.identity, {});
      arrived({ segment: id, who, text, at: Date.now(), final: true, typed: true, interrupted: false, version: 0 });
    },
    [room],
  );
  return [transcript, write];
}

interface Stream {
  readonly identity: string;
  readonly typed: boolean;
  readonly version: number;
}

/** Report the line that `reader` carries as it grows. If the stream breaks off, the part received so far stays. */
async function follow(room: Room, reader: TextStreamReader, stream: Stream, arrived: Arrived): Promise<void> {
  let text = "";
  await acquainted(room, stream.identity);
  try {
    for await (const piece of reader) {
      text += piece;
      arrived(asLine(room, reader, stream, text));
    }
  } finally {
    // Once more at the end: an empty stream retracts the line, and attributes can come with the last chunk.
    arrived(asLine(room, reader, stream, text));
  }
}

/** Resolve once `identity` is in the room, or after STRANGER_MS: a stream can arrive before the news of its sender. */
function acquainted(room: Room, identity: string): Promise<void> {
  if (room.remoteParticipants.has(identity) || identity === room.localParticipant.identity) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      room.off(RoomEvent.ParticipantConnected, came);
      resolve();
    };
    const came = (participant: { readonly identity: string }): void => {
      if (participant.identity === identity) done();
    };
    const timer = setTimeout(done, STRANGER_MS);
    room.on(RoomEvent.ParticipantConnected, came);
  });
}

function asLine(room: Room, reader: TextStreamReader, { identity, typed, version }: Stream, text: string): Line {
  const attributes = reader.info.attributes ?? {};
  const others = [...room.remoteParticipants.values()].map(party);
  return {
    segment: attributes["lk.segment_id"] ?? reader.info.id,
    who: whoSpoke(party(room.localParticipant), others, identity, attributes),
    text,
    at: reader.info.timestamp,
    final: typed || attributes["lk.transcription_final"] === "true",
    typed,
    interrupted: attributes["voicemode.interrupted"] === "true",
    version,
  };
}
