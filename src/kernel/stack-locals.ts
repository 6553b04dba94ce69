// What functions keep on a kernel stack: a struct belongs to the call whose frame it lies in.

import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { functionName } from './function-name.ts';
import type { StackFrame } from './stack.ts';

/** A struct must start where the compiler can put one that has a pointer in it. */
const ALIGNMENT = 8;

/** Larger frames than this are a sign of a wrong unwinding: CONFIG_FRAME_WARN is 1024 to 2048. */
const FRAME_SIZE_MAX = 4096;

/** The name of the function whose call has the `size` bytes at `address` for its variables. */
export function ownerOf(
  frames: readonly StackFrame[],
  { address, size }: { address: Vaddr; size: number },
): string | undefined {
  const owner = frames.find((frame) => {
    const range = variablesOf(frame);
    return range !== undefined && address >= range.start && address + BigInt(size) <= range.end;
  });
  return owner?.name === undefined ? undefined : functionName(owner.name);
}

/** A struct on the stack, by what it says itself and where it lies. */
export interface FoundLocal<T> {
  readonly address: Vaddr;
  readonly value: T;
  /** The function whose call has it, without a clone's suffix. */
  readonly owner: string;
}

/**
 * The struct among the variables of the innermost call of one of the functions, at the only place
 * at which `read` accepts what is there. Two places that it accepts prove neither.
 *
 * @param read what a struct at the address would say; undefined where there can be none
 */
export function findLocal<T>(
  frames: readonly StackFrame[],
  search: {
    readonly functions: ReadonlySet<string>;
    /** Of the struct, in bytes. */
    readonly size: number;
    readonly read: (address: Vaddr) => T | undefined;
  },
): FoundLocal<T> | undefined {
  for (const frame of frames) {
    const owner = frame.name === undefined ? undefined : functionName(frame.name);
    const range = variablesOf(frame);
    if (owner === undefined || range === undefined || !search.functions.has(owner)) continue;
    const found: FoundLocal<T>[] = [];
    const last = range.end - BigInt(search.size);
    for (let at = range.start; at <= last; at = vaddrAdd(at, ALIGNMENT)) {
      const value = search.read(at);
      if (value !== undefined) found.push({ address: at, value, owner });
    }
    if (found.length > 0) return found.length === 1 ? found[0] : undefined;
  }
  return undefined;
}

/** From rsp up to that of the caller; undefined where that is not known for sure. */
export function variablesOf({
  sp,
  cfa,
  guessed,
}: StackFrame): { readonly start: Vaddr; readonly end: Vaddr } | undefined {
  if (cfa === undefined || guessed === true) return undefined;
  const start = vaddr(BigInt(sp));
  const end = vaddr(BigInt(cfa));
  const size = end - start;
  return size <= 0n || size > BigInt(FRAME_SIZE_MAX) ? undefined : { start, end };
}
