"use client";

import { Choice } from "@/components/Choice";
import { useRemembered } from "@/hooks/remembered";

const THEMES = [
  { value: "", label: "System" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
] as const;

type Theme = (typeof THEMES)[number]["value"];

/** Choice of theme: light, dark, or that of the system. `theme.js` applies it before the first paint. */
export function ThemeChoice() {
  const [theme, setTheme] = useRemembered("theme");
  const choose = (next: Theme): void => {
    setTheme(next);
    if (next) document.documentElement.dataset.theme = next;
    else delete document.documentElement.dataset.theme;
  };
  return <Choice<Theme> legend="Appearance" options={THEMES} value={theme as Theme} onChange={choose} />;
}
