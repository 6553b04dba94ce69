// Where some bytes stand in others.

/** The offsets in `bytes` at which `wanted` begins, ascending; they may overlap. */
export function* placesOf(bytes: Uint8Array, wanted: Uint8Array): Generator<number> {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = all.indexOf(wanted); at >= 0; at = all.indexOf(wanted, at + 1)) yield at;
}
