// Branded kinds of address. Virtual addresses need all 64 bits, so they are bigints; physical
// addresses, page frame numbers and file offsets stay below 2^53 and are plain numbers.

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A kernel or user virtual address, 0 <= v < 2^64. */
export type Vaddr = Brand<bigint, 'Vaddr'>;

/** A physical address in bytes, < 2^53 (x86-64 has at most 52 bits). */
export type Paddr = Brand<number, 'Paddr'>;

/** A page frame number: paddr / page size. */
export type Pfn = Brand<number, 'Pfn'>;

/** A byte offset in a file. */
export type FileOffset = Brand<number, 'FileOffset'>;

const U64_MASK = (1n << 64n) - 1n;

/** Takes any bigint, also a negative one, as a virtual address modulo 2^64. */
export function vaddr(value: bigint): Vaddr {
  return (value & U64_MASK) as Vaddr;
}

/** `base + offset`, modulo 2^64 as the CPU adds. */
export function vaddrAdd(base: Vaddr, offset: number | bigint): Vaddr {
  return ((base + BigInt(offset)) & U64_MASK) as Vaddr;
}

/** @throws RangeError if the value is no physical address; callers check file data before. */
export function paddr(value: number): Paddr {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`no physical address: ${value}`);
  return value as Paddr;
}

/** @throws RangeError if the value is no page frame number */
export function pfn(value: number): Pfn {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`no pfn: ${value}`);
  return value as Pfn;
}

/** `0x…` in lower case, without leading zeros; how addresses stand in results and messages. */
export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}
