// Takes the place of node:assert in the bundle, of which yargs wants two functions. Node's own
// comes with the code that compares and prints objects, which takes milliseconds to load.

/** @throws Error unless both are the same value */
export function strictEqual(actual: unknown, expected: unknown, message?: string): void {
  if (!Object.is(actual, expected)) throw new Error(message ?? 'expected the same value');
}

/** @throws Error if both are the same value */
export function notStrictEqual(actual: unknown, expected: unknown, message?: string): void {
  if (Object.is(actual, expected)) throw new Error(message ?? 'expected another value');
}
