// Lets a user's script import this very package, wherever the script lies: `import … from
// 'stallcore'` means the copy that runs, so that both have the same classes and errors.

import { existsSync } from 'node:fs';
import module from 'node:module';

const OWN_NAME = 'stallcore';

interface Resolved {
  readonly url: string;
  readonly shortCircuit?: boolean;
}

/** What node calls to find a module. */
type ResolveHook = (
  specifier: string,
  context: unknown,
  next: (specifier: string, context: unknown) => Resolved,
) => Resolved;

/** In this thread, from Node 22.15 on; the types here are those of Node 20. */
interface ModuleHooks {
  registerHooks?: (hooks: { resolve: ResolveHook }) => void;
}

/** The same in a thread of its own, for Node 20. */
const HOOK_MODULE = `
  let library;
  export function initialize(url) { library = url; }
  export function resolve(specifier, context, next) {
    if (specifier !== ${JSON.stringify(OWN_NAME)}) return next(specifier, context);
    return { url: library, shortCircuit: true };
  }`;

/** From here on `import 'stallcore'` finds this package; `require()` does so where node can. */
export function makeOwnPackageImportable(): void {
  const url = libraryUrl();
  const { registerHooks } = module as unknown as ModuleHooks;
  if (registerHooks === undefined) {
    module.register(`data:text/javascript,${encodeURIComponent(HOOK_MODULE)}`, { data: url });
    return;
  }
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === OWN_NAME ? { url, shortCircuit: true } : next(specifier, context),
  });
}

/** The entry of the library, seen from the bundle in dist/ or from src/cli/. */
export function libraryUrl(): string {
  const bundled = new URL('./index.js', import.meta.url);
  return (existsSync(bundled) ? bundled : new URL('../index.ts', import.meta.url)).href;
}
