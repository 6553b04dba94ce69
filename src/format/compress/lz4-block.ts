// One lz4 block: a run of sequences, each
//
//   token        high half: literal count, low half: match length - 4; 15 goes on in more bytes,
//                each added, until one is not 255
//   literals
//   offset u16   how far back the match is; a block ends after literals, without a match
//
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md

import { createRequire } from 'node:module';
import { FormatError } from '../../util/errors.ts';
import { copyLiterals, copyMatch } from './copy.ts';

/** Where a block is unpacked to. Matches may reach back to the start of `bytes`. */
export interface Lz4Output {
  readonly bytes: Uint8Array;
  /** The block is unpacked from here on, into the rest of `bytes` at most. */
  readonly start: number;
}

/** What became of a block that may be damaged. */
interface Outcome {
  /** How many bytes were unpacked before the end or the damage. */
  readonly length: number;
  readonly damage?: { readonly offset: number; readonly what: string };
}

/**
 * Unpacks one block in JavaScript.
 *
 * @returns the number of bytes that were unpacked
 * @throws FormatError if the block is damaged or does not fit
 */
export function decodeLz4Block(input: Uint8Array, output: Lz4Output): number {
  const { length, damage } = decode(input, output);
  if (damage === undefined) return length;
  throw new FormatError({ section: 'lz4 block', offset: damage.offset }, damage.what);
}

/** Unpacks what is there of a block that the end of the file cuts off; its length in bytes. */
export function decodeLz4Prefix(input: Uint8Array, output: Lz4Output): number {
  return decode(input, output).length;
}

function decode(input: Uint8Array, { bytes: output, start }: Lz4Output): Outcome {
  const end = input.length;
  let from = 0;
  let to = start;
  const stopped = (offset: number, what: string): Outcome => ({
    length: to - start,
    damage: { offset, what },
  });
  // Each turn takes a token, so the loop ends. Reads past the input give undefined, which counts
  // as 0 or as NaN here, until `from` or `literals` is compared with what there is.
  for (;;) {
    const at = from;
    if (at >= end) return stopped(at, 'ends without its last literals');
    const token = input[from++] as number;
    let literals = token >> 4;
    if (literals === 15) {
      let more: number;
      do literals += more = input[from++] ?? 0;
      while (more === 255);
    }
    if (literals > end - from) return stopped(at, `${literals} literals, have ${end - from}`);
    if (literals > output.length - to) return stopped(at, 'unpacks to more than its room');
    copyLiterals(input, from, output, to, literals);
    from += literals;
    to += literals;
    if (from === end) return { length: to - start };
    const distance = (input[from] as number) | ((input[from + 1] as number) << 8);
    from += 2;
    let length = (token & 15) + 4;
    if (length === 19) {
      let more: number;
      do length += more = input[from++] ?? 0;
      while (more === 255);
    }
    if (from > end) return stopped(at, 'sequence is cut off');
    if (distance === 0 || distance > to) return stopped(at, `distance ${distance}, have ${to}`);
    if (length > output.length - to) return stopped(at, 'unpacks to more than its room');
    copyMatch(output, to, distance, length);
    to += length;
  }
}

type NativeDecode = (input: Buffer, output: Buffer) => number;

let native: NativeDecode | undefined | 'not tried' = 'not tried';

/**
 * Unpacks one block that reaches back to nothing before it, by the compiled package lz4 where that
 * is installed: it is about three times as fast.
 *
 * @returns the number of bytes that were unpacked
 * @throws FormatError if the block is damaged or does not fit
 */
export function decodeLz4IndependentBlock(input: Uint8Array, output: Uint8Array): number {
  if (native === 'not tried') native = loadNative();
  if (native === undefined) return decodeLz4Block(input, { bytes: output, start: 0 });
  // No start and end: the package does not check them. With whole buffers it stays inside.
  const length = native(asBuffer(input), asBuffer(output));
  if (length >= 0 && length <= output.length) return length;
  throw new FormatError({ section: 'lz4 block' }, 'damaged');
}

/** For tests of both ways: whether the compiled package is there, and a switch to do without. */
export const lz4Native = {
  isAvailable(): boolean {
    if (native === 'not tried') native = loadNative();
    return native !== undefined;
  },
  /** Unpacks by JavaScript alone until `use(true)`. */
  use(allowed: boolean): void {
    native = allowed ? 'not tried' : undefined;
  },
};

/** The package is optional: it is compiled when it is installed, which can fail. */
function loadNative(): NativeDecode | undefined {
  try {
    const lz4 = createRequire(import.meta.url)('lz4') as { decodeBlock: NativeDecode };
    return lz4.decodeBlock;
  } catch (error) {
    // Absent, or its binary is of another platform.
    if (error instanceof Error && 'code' in error && LOAD_ERRORS.has(String(error.code))) {
      return undefined;
    }
    throw error;
  }
}

const LOAD_ERRORS = new Set(['MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED']);

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
