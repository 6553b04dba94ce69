// The two copies that every LZ77 decoder is made of. They take five and four positional arguments:
// an options object would be allocated for each of the ~1000 copies that a page needs.

/** From this length on, a call into the runtime is faster than a loop. */
const CALL_LENGTH_MIN = 32;

/** Copies `length` bytes of `input`; the caller has checked that they and their room exist. */
export function copyLiterals(
  input: Uint8Array,
  from: number,
  output: Uint8Array,
  to: number,
  length: number,
): void {
  if (length >= CALL_LENGTH_MIN) {
    output.set(input.subarray(from, from + length), to);
    return;
  }
  for (let i = 0; i < length; i++) output[to + i] = input[from + i] as number;
}

/**
 * Repeats what stands `distance` bytes before `to`. The two may overlap: then the bytes just
 * written are read again, as in a run of one byte at distance 1. The caller has checked that
 * `1 <= distance <= to` and that there is room.
 */
export function copyMatch(output: Uint8Array, to: number, distance: number, length: number): void {
  const from = to - distance;
  if (length >= CALL_LENGTH_MIN) {
    if (distance >= length) {
      output.copyWithin(to, from, from + length);
      return;
    }
    if (distance === 1) {
      output.fill(output[from] as number, to, to + length);
      return;
    }
  }
  for (let i = 0; i < length; i++) output[to + i] = output[from + i] as number;
}
