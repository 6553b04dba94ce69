// Checks of our own reasoning. A failed one is a bug in stallcore (exit code 70), never bad input.

/** Thrown by {@link assert}; only `cli/main` catches it. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** @throws AssertionError when our own reasoning was wrong */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For the `default` of an exhaustive switch: it does not compile while a case is missing. */
export function assertUnreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
