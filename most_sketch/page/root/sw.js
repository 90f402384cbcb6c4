// Keeps the site on the device: after the first visit it draws without a network. What lies in the folder that is named
// for its content is taken from here first, the front page from the network, so that a new site is seen at once.

const NAME = "most-sketch-$version";
const PREFIX = "most-sketch-";
const FILES = $files;
const FOLDER = new URL("$version/", self.registration.scope).href;
const PATIENCE = 4000;

// As `most-sketch demo` sends them, for hosts that cannot be told: threads need the first three.
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", (event) => event.waitUntil(keepAll()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

async function keepAll() {
  const cache = await caches.open(NAME);
  await cache.add(new Request("./", { cache: "force-cache" }));
  // From what the browser has of this visit already: nothing is downloaded twice.
  await Promise.all(FILES.map(async (name) => {
    const response = await fetch(name, { cache: "force-cache" });
    if (!response.ok) throw new Error(name + ": " + response.status);
    await cache.put(name, response);
  }));
  await self.skipWaiting();
}

async function takeOver() {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== NAME) await caches.delete(name);
  await self.clients.claim();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  if (request.mode === "navigate") event.respondWith(frontPage(request));
  else if (request.url.startsWith(FOLDER)) event.respondWith(kept(request));
});

async function frontPage(request) {
  const cached = async () => (await caches.open(NAME)).match("./");
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE)).then(cached);
  const fresh = fetch(request).then((response) => (response.ok ? response : Promise.reject(response)));
  try {
    return isolated(await Promise.race([fresh, late.then((response) => response ?? fresh)]));
  } catch (error) {
    const response = (await cached()) ?? error;
    if (!(response instanceof Response)) throw error;
    return isolated(response);
  }
}

async function kept(request) {
  const cache = await caches.open(NAME);
  const known = await cache.match(request.url);
  if (known) return isolated(known);
  const response = await fetch(request);
  if (response.ok) await cache.put(request.url, response.clone());
  return isolated(response);
}

function isolated(response) {
  if (response.type === "opaqueredirect" || response.redirected) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
