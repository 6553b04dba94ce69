// How the wasm decoders are started.

/**
 * Runs `start` while the global `fetch` is hidden, and puts it back before anything else can run.
 *
 * zstddec decodes its embedded wasm through `fetch('data:…')` where there is a `fetch`. In node
 * that loads the whole HTTP client: 25 ms, where the path that it takes without costs 1.2 ms.
 */
export function withoutFetch<T>(start: () => T): T {
  const fetch = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  if (fetch?.configurable !== true) return start();
  Object.defineProperty(globalThis, 'fetch', { value: undefined, configurable: true });
  try {
    return start();
  } finally {
    Object.defineProperty(globalThis, 'fetch', fetch);
  }
}
