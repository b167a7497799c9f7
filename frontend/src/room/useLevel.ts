"use client";

import { useEffect, type RefObject } from "react";
import { createAudioAnalyser, type LocalAudioTrack, type RemoteAudioTrack } from "livekit-client";

/** Keep the level of `track`, 0 to 1, in the element's custom property `--level`, without a render for each syllable. */
export function useLevel(element: RefObject<HTMLElement | null>, track: LocalAudioTrack | RemoteAudioTrack | null): void {
  useEffect(() => {
    const style = element.current?.style;
    if (!track || !style) return;
    const { calculateVolume, cleanup } = createAudioAnalyser(track, { fftSize: 512, smoothingTimeConstant: 0.6 });
    let frame = 0;
    let shown = "";
    const draw = (): void => {
      const level = Math.min(1, calculateVolume() * 1.6).toFixed(2);
      if (level !== shown) style.setProperty("--level", (shown = level));
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => {
      cancelAnimationFrame(frame);
      style.removeProperty("--level");
      void cleanup();
    };
  }, [element, track]);
}
