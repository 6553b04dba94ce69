// What a dump can say of a byte of physical memory. Everything above `memory/` can tell these
// apart, so that a filtered page is never shown as zeros, as "none" or as a default.

/**
 * - `present`: the dump has the byte.
 * - `excluded`: it was RAM, and the filter (makedumpfile -d) left it out.
 * - `not-in-dump`: no part of the dump speaks of it: a memory hole, a missing split part.
 * - `truncated`: the dump names it, and the file ends before it, or the dump was not finished.
 * - `removed-by-pack`: `stallcore pack` did not keep it.
 */
export type PageState = 'present' | 'excluded' | 'not-in-dump' | 'truncated' | 'removed-by-pack';
