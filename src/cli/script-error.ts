// The error of a user's script; apart from script.ts, so that verbs that run none do not load that.

/** A script threw, or is none; exit code 1. The message has the script's file and line. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
}
