"use client";

import type { ServiceStatus } from "@/server/api";

/** Status of the services, and the providers that transcribe and speak. */
export function Services({ status }: { readonly status: ServiceStatus | null }) {
  return (
    <section className="services" aria-labelledby="services">
      <h2 id="services">Services</h2>
      <dl>
        {Object.entries(status?.services ?? WAITING).map(([name, how]) => (
          <div key={name}>
            <dt>{TITLES[name] ?? name}</dt>
            <dd data-well={how === "running" || undefined}>{how}</dd>
          </div>
        ))}
        <div>
          <dt>Hears with</dt>
          <dd>{status ? briefly(status.providers.stt) : "…"}</dd>
        </div>
        <div>
          <dt>Speaks with</dt>
          <dd>{status ? briefly(status.providers.tts) : "…"}</dd>
        </div>
      </dl>
    </section>
  );
}

const TITLES: Readonly<Record<string, string>> = { whisper: "Whisper", kokoro: "Kokoro", livekit: "LiveKit" };

/** Placeholder of the same size, which avoids a layout shift. */
const WAITING: Readonly<Record<string, string>> = { whisper: "…", kokoro: "…", livekit: "…" };

/** Shorten an address by the parts that all addresses share. */
function briefly(provider = ""): string {
  return provider.replace(/^https?:\/\//, "").replace(/\/v1\/?$/, "") || "nobody";
}
