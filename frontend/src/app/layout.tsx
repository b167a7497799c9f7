import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";

import "@/styles/tokens.css";
import "@/styles/base.css";
import "@/styles/controls.css";
import "@/styles/front.css";
import "@/styles/room.css";

export const metadata: Metadata = {
  title: "VoiceMode",
  description: "Talk with your agent.",
  applicationName: "VoiceMode",
  manifest: "/manifest.webmanifest",
  icons: { icon: "/icons/icon.svg", apple: "/icons/apple-touch-icon.png" },
  appleWebApp: { capable: true, title: "VoiceMode", statusBarStyle: "default" },
  robots: { index: false, follow: false },
  referrer: "no-referrer",
};

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  viewportFit: "cover",
  interactiveWidget: "resizes-content",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#faf6f0" },
    { media: "(prefers-color-scheme: dark)", color: "#191614" },
  ],
};

export default function Layout({ children }: { readonly children: ReactNode }) {
  return (
    // theme.js sets an attribute before React hydrates.
    <html lang="en" suppressHydrationWarning>
      <head>
        <script src="/theme.js" />
      </head>
      <body>
        {children}
        <noscript>VoiceMode needs JavaScript: it carries your voice.</noscript>
      </body>
    </html>
  );
}
