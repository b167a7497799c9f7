// Lets the page open, and say what is wrong, while its server is away. It keeps the page itself and nothing else: no answer
// of the server, no token, nothing with a query.
const SHELL = "voicemode-shell";
const KEPT = /^\/(_next\/static\/.+|icons\/.+|theme\.js|manifest\.webmanifest)$/;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.add("/")));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || url.search) return;
  if (url.pathname === "/" && request.mode === "navigate") event.respondWith(fresh(request, true));
  else if (KEPT.test(url.pathname)) event.respondWith(url.pathname.startsWith("/_next/") ? kept(request) : fresh(request, false));
});

/** Files with a hash in their name never change. */
async function kept(request) {
  return (await caches.match(request)) ?? fresh(request, false);
}

/** From the server if it answers; else as it was the last time. */
async function fresh(request, isPage) {
  const cache = await caches.open(SHELL);
  try {
    const answer = await fetch(request);
    if (answer.ok && answer.type === "basic") {
      await cache.put(isPage ? "/" : request, answer.clone());
      if (isPage) await forgetOthers(cache, await answer.clone().text());
    }
    return answer;
  } catch (error) {
    const before = await cache.match(isPage ? "/" : request);
    if (before) return before;
    throw error;
  }
}

/** A new page brings new files; what it does not name, and the room that it loads later, are fetched again when needed. */
async function forgetOthers(cache, page) {
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/_next/") && !page.includes(pathname)) await cache.delete(request);
  }
}
