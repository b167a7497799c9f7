import type { NextConfig } from "next";
import { PHASE_DEVELOPMENT_SERVER } from "next/constants";

/** Where `voicemode frontend --dev-origin http://localhost:3001` listens, for `npm run dev`. */
const SERVER = process.env.VOICEMODE_SERVER ?? "http://localhost:3000";

const developed: NextConfig = {
  rewrites: () => Promise.resolve([{ source: "/api/:path*", destination: `${SERVER}/api/:path*` }]),
};

const exported: NextConfig = {
  output: "export",
  // The same sources give the same files.
  generateBuildId: () => "voicemode",
  // `npm run types` has said it already, and an installation need not wait for it.
  typescript: { ignoreBuildErrors: true },
};

export default function config(phase: string): NextConfig {
  return {
    reactStrictMode: true,
    poweredByHeader: false,
    devIndicators: false,
    ...(phase === PHASE_DEVELOPMENT_SERVER ? developed : exported),
  };
}
