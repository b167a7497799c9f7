import type { ReactNode } from "react";

/** An icon drawn for this page: 24 by 24, one stroke. A word stands beside each icon for screen readers. */
function Icon({ children }: { readonly children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export function MicrophoneIcon({ off = false }: { readonly off?: boolean }) {
  return (
    <Icon>
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
      {off && <path d="M4 4l16 16" />}
    </Icon>
  );
}

export function StopIcon() {
  return (
    <Icon>
      <rect className="solid" x="7" y="7" width="10" height="10" rx="2" />
    </Icon>
  );
}

export function SkipIcon() {
  return (
    <Icon>
      <path d="M6 6l7 6-7 6zM17 6v12" />
    </Icon>
  );
}

export function DoneIcon() {
  return (
    <Icon>
      <path d="M5 12.5l4.5 4.5L19 7.5" />
    </Icon>
  );
}

export function SendIcon() {
  return (
    <Icon>
      <path d="M12 19V5M6 11l6-6 6 6" />
    </Icon>
  );
}

export function MenuIcon() {
  return (
    <Icon>
      <path d="M4 8h10M18 8h2M4 16h2M10 16h10" />
      <circle cx="16" cy="8" r="2" />
      <circle cx="8" cy="16" r="2" />
    </Icon>
  );
}

export function CloseIcon() {
  return (
    <Icon>
      <path d="M6 6l12 12M18 6L6 18" />
    </Icon>
  );
}

export function DownIcon() {
  return (
    <Icon>
      <path d="M12 5v14M6 13l6 6 6-6" />
    </Icon>
  );
}

/** VoiceMode's logo: the waveform of a voice. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d="M4 10v4M8 6.5v11M12 3.5v17M16 7.5v9M20 10.5v3" />
    </svg>
  );
}

const BARS = [
  { x: 4, top: 15 },
  { x: 9.3, top: 11 },
  { x: 14.6, top: 7 },
  { x: 20, top: 3 },
];

/** Four bars, of which the first `of` are lit. */
export function SignalIcon({ of }: { readonly of: number }) {
  return (
    <Icon>
      {BARS.map(({ x, top }, index) => (
        <path key={x} className={index < of ? "bar lit" : "bar"} d={`M${x} ${top}V20`} />
      ))}
    </Icon>
  );
}
