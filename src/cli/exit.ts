// Exit codes; part of the interface.

/** Done. */
export const EXIT_DONE = 0;
/** Done, but parts of the dump could not be read. */
export const EXIT_PARTIAL = 1;
/** Wrong usage. */
export const EXIT_USAGE = 2;
/** The file is no vmcore that can be opened. */
export const EXIT_UNREADABLE = 3;
/** A bug in stallcore. */
export const EXIT_BUG = 70;
