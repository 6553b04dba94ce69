// A BTF of two types, byte by byte, and what damage does to it.

/**
 * `int` and `struct pair { int first; int second:4; }`.
 */
// prettier-ignore
export const PAIR = [
  0x9f, 0xeb,             // 0   magic
  1, 0,                   // 2   version, flags
  24, 0, 0, 0,            // 4   hdr_len
  0, 0, 0, 0,             // 8   type_off
  52, 0, 0, 0,            // 12  type_len
  52, 0, 0, 0,            // 16  str_off
  23, 0, 0, 0,            // 20  str_len
  1, 0, 0, 0,             // 24  [1] name_off: int
  0, 0, 0, 1,             // 28      kind INT
  4, 0, 0, 0,             // 32      size
  32, 0, 0, 1,            // 36      32 bits, signed
  5, 0, 0, 0,             // 40  [2] name_off: pair
  2, 0, 0, 0x84,          // 44      kind STRUCT, kind_flag, vlen 2
  8, 0, 0, 0,             // 48      size
  10, 0, 0, 0,            // 52      name_off: first
  1, 0, 0, 0,             // 56      type 1
  0, 0, 0, 0,             // 60      offset 0, no bit field
  16, 0, 0, 0,            // 64      name_off: second
  1, 0, 0, 0,             // 68      type 1
  32, 0, 0, 4,            // 72      bit offset 32, 4 bits
  0,                      // 76  strings: ''
  0x69, 0x6e, 0x74, 0,    //     int
  0x70, 0x61, 0x69, 0x72, 0,             // pair
  0x66, 0x69, 0x72, 0x73, 0x74, 0,       // first
  0x73, 0x65, 0x63, 0x6f, 0x6e, 0x64, 0, // second
];

/** {@link PAIR} with bytes replaced: `[offset, byte, …]` each. */
export function damagedPair(...patches: (readonly number[])[]): Uint8Array {
  const bytes = Uint8Array.from(PAIR);
  for (const [offset = 0, ...values] of patches) bytes.set(values, offset);
  return bytes;
}
