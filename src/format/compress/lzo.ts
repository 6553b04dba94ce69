// LZO1X, the compression of kdump pages with flag 2. A block is a run of instructions, each with
// its operands, and ends in the marker 11 00 00:
//
//   first byte 18..255   copy (byte - 17) literals
//   0000 llll            after no literals: copy 3 + l literals
//   0000 ddss hhhhhhhh   after 1..3 literals: copy 2 bytes from up to 1 KiB back
//                        after 4 or more: copy 3 bytes from 2..3 KiB back
//   0001 hlll D:14 ss    copy 2 + l bytes from 16..48 KiB back; distance 16 KiB is the end marker
//   001l llll D:14 ss    copy 2 + l bytes from up to 16 KiB back
//   LLLd ddss hhhhhhhh   copy 1 + L bytes (L = 2..7) from up to 2 KiB back
//
// A length field of 0 goes on: each 00 byte adds 255, and the first other byte ends it. `ss` is the
// number of literals that follow an instruction. The facts are those of the kernel's
// Documentation/staging/lzo.rst. Version 1 (LZO-RLE, first byte 17) is zram's: nobody writes it to
// a dump, and it fails here as a distance that leads before the page.

import { FormatError } from '../../util/errors.ts';
import { copyLiterals, copyMatch } from './copy.ts';

const SECTION = 'lzo block';

/**
 * Unpacks one LZO1X block.
 *
 * @returns exactly `size` bytes
 * @throws FormatError if the block is damaged or does not unpack to `size` bytes
 */
export function decompressLzo(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size);
  const end = input.length;
  let from = 0;
  let to = 0;
  // How many literals the last instruction copied, where 4 stands for 4 and more.
  let state = 0;
  let literals = 0;
  const first = input[0] ?? 0;
  if (first > 17) {
    from = 1;
    literals = first - 17;
    state = Math.min(literals, 4);
  }
  // Every turn but the first takes at least one byte of input, so the loop ends. Reads past the
  // input give undefined, which counts as 0 here, until the one check of `from` in each turn.
  for (;;) {
    if (literals > 0) {
      if (literals > end - from) throw damaged(from, `${literals} literals, have ${end - from}`);
      if (literals > size - to) throw damaged(from, `${to + literals} bytes, expected ${size}`);
      copyLiterals(input, from, output, to, literals);
      from += literals;
      to += literals;
    }
    const at = from;
    const code = input[from++] as number;
    let length: number;
    let distance: number;
    if (code >= 64) {
      length = (code >> 5) + 1;
      distance = ((code >> 2) & 7) + ((input[from++] as number) << 3) + 1;
      state = code & 3;
    } else if (code < 16 && state !== 0) {
      length = state === 4 ? 3 : 2;
      distance = (code >> 2) + ((input[from++] as number) << 2) + (state === 4 ? 2049 : 1);
      state = code & 3;
    } else {
      const mask = code >= 32 ? 31 : code >= 16 ? 7 : 15;
      length = code & mask;
      if (length === 0) {
        length = mask;
        for (; input[from] === 0; from++) length += 255;
        length += input[from++] as number;
      }
      length += 2;
      if (code < 16) {
        literals = length + 1;
        state = 4;
        if (from > end) throw damaged(at, 'instruction is cut off');
        continue;
      }
      const operand = (input[from] as number) | ((input[from + 1] as number) << 8);
      from += 2;
      distance = (operand >> 2) + (code >= 32 ? 1 : 16384 + ((code & 8) << 11));
      state = operand & 3;
    }
    if (!(from <= end)) throw damaged(at, 'instruction is cut off');
    if (distance === 16384 && code < 32 && code >= 16) break;
    if (distance > to) throw damaged(at, `distance ${distance}, have ${to} bytes`);
    if (length > size - to) throw damaged(at, `${to + length} bytes, expected ${size}`);
    copyMatch(output, to, distance, length);
    to += length;
    literals = state;
  }
  if (to !== size) throw damaged(from, `unpacked ${to} bytes, expected ${size}`);
  if (from !== end) throw damaged(from, `${end - from} bytes after the end marker`);
  return output;
}

function damaged(offset: number, what: string): FormatError {
  return new FormatError({ section: SECTION, offset }, what);
}
