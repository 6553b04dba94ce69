// A root hook of mocha: what two test files at a time fail with goes from one process to another as
// JSON, which has no bigint. Without this an error with an address in it is told as an error of
// mocha's own, and not as the test that it is of.

import { inspect } from 'node:util';

export const mochaHooks = {
  afterEach(this: Mocha.Context): void {
    let error: unknown = this.currentTest?.err;
    // Errors that cause each other in a circle have been seen by then.
    for (let depth = 0; depth < CAUSES_MAX && error instanceof Error; depth++) {
      makePlain(error as unknown as Record<string, unknown>);
      error = error.cause;
    }
  },
};

const CAUSES_MAX = 10;

function makePlain(error: Record<string, unknown>): void {
  for (const name of Object.keys(error)) {
    const value = error[name];
    if (!isPlain(value)) error[name] = inspect(value, { depth: 5, sorted: true });
  }
}

function isPlain(value: unknown): boolean {
  if (value instanceof Error) return true;
  try {
    JSON.stringify(value);
    return true;
  } catch (error) {
    // Of a bigint, and of a value that holds itself.
    if (!(error instanceof TypeError)) throw error;
    return false;
  }
}
