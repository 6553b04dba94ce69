// Ways to damage the bytes of a file, and the row of a table of damaged files.

import type { Specimen } from './specimen.ts';

/** One damaged dump and what must come of it. */
export interface DamagedCase {
  /** Section and damage: `ELF header: e_phoff past the end`. */
  readonly name: string;
  /** The file, or all files of a split set, from a copy of the specimen. */
  readonly make: (specimen: Specimen) => Uint8Array | Uint8Array[];
  readonly verb?: 'tasks' | 'memalloc' | 'triage' | 'info';
  readonly options?: readonly string[];
  /** 0: it does no harm. 1: done, but parts could not be read. 3: it cannot be opened. */
  readonly exitCode: 0 | 1 | 3;
  /** What is said on standard error, or on both outputs where `exitCode` is 0. */
  readonly says: RegExp;
}

/** A change of bytes in place. */
export type Patch = (view: DataView) => void;

export const u8 =
  (at: number, value: number): Patch =>
  (view) =>
    view.setUint8(at, value);
export const u16 =
  (at: number, value: number): Patch =>
  (view) =>
    view.setUint16(at, value, true);
export const u32 =
  (at: number, value: number): Patch =>
  (view) =>
    view.setUint32(at, value, true);
export const u64 =
  (at: number, value: bigint | number): Patch =>
  (view) =>
    view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
/** Of a flattened file, whose records are big-endian. */
export const be64 =
  (at: number, value: bigint): Patch =>
  (view) =>
    view.setBigUint64(at, BigInt.asUintN(64, value));
export const fill =
  (at: number, length: number, value: number): Patch =>
  (view) =>
    new Uint8Array(view.buffer, view.byteOffset).fill(value, at, at + length);

/** A copy with some bytes changed. */
export function patched(bytes: Uint8Array, ...patches: readonly Patch[]): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
  for (const patch of patches) patch(view);
  return copy;
}
