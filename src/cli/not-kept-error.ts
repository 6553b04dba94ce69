// The error of who asks for what pack has taken out of a dump: the question is right, and the dump
// is well, but no answer can be had.

/** Ends the command with 1, as whatever else could not be read. */
export class NotKeptError extends Error {
  override readonly name = 'NotKeptError';
}
