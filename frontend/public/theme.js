// Before the first paint, so that nothing flashes. A file and not inline: the page's policy allows no inline script.
try {
  const theme = localStorage.getItem("voicemode.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that remembers nothing follows the system.
}
