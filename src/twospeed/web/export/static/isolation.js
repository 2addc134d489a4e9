// Lets the worker use several cores on servers of plain files: this service worker adds the two
// headers that browsers ask for before memory is shared between threads.

if (typeof window === "undefined") {
  self.addEventListener("install", () => self.skipWaiting());
  self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
  self.addEventListener("fetch", (event) => {
    if (event.request.cache === "only-if-cached" && event.request.mode !== "same-origin") return;
    event.respondWith(isolated(event.request));
  });
} else if (!window.crossOriginIsolated && window.isSecureContext && navigator.serviceWorker) {
  const isFirst = !navigator.serviceWorker.controller;
  navigator.serviceWorker.register("isolation.js").then(() => navigator.serviceWorker.ready).then(() => isFirst && location.reload());
}

async function isolated(request) {
  const answer = await fetch(request);
  const headers = new Headers(answer.headers);
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}
