// What the user asked for that cannot be done.

/** Wrong usage; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
