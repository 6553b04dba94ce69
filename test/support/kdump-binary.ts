// Bytes of a file as a commented text, for tests that must not lean on our own writer:
//
//   @0x1000            go on at this offset; what lies between is zero
//   4b 44 2a           bytes in hex
//   u32 4096           an integer in the byte order of the text: u16, u32, u64
//   "Linux"            the characters of a string
//   00*60              a byte, so many times
//   # signature        a comment, up to the end of the line

const TOKEN =
  /"([^"]*)"|@(\S+)|(u16|u32|u64)\s+(\S+)|([0-9a-f]{2})\*(\d+)|([0-9a-f]{2})\b|(\S+)/giy;

/** @throws Error for a word that is none of the above */
export function binary(text: string, order: 'little' | 'big' = 'little'): Uint8Array {
  const bytes: number[] = [];
  for (const line of text.split('\n')) {
    for (const [, string, at, type, value, byte, count, single, other] of tokens(line)) {
      if (string !== undefined) bytes.push(...Buffer.from(string, 'latin1'));
      else if (at !== undefined) padTo(bytes, Number(at));
      else if (type !== undefined) bytes.push(...integer(type, BigInt(value!), order));
      else if (byte !== undefined)
        bytes.push(...Array<number>(Number(count)).fill(parseInt(byte, 16)));
      else if (single !== undefined) bytes.push(parseInt(single, 16));
      else throw new Error(`not understood: ${other}`);
    }
  }
  return Uint8Array.from(bytes);
}

function* tokens(line: string): Generator<RegExpExecArray> {
  const code = line.replace(/#(?=(?:[^"]*"[^"]*")*[^"]*$).*$/, '').trim();
  const pattern = new RegExp(TOKEN);
  let at = 0;
  while (at < code.length) {
    if (code[at] === ' ') {
      at++;
      continue;
    }
    pattern.lastIndex = at;
    const match = pattern.exec(code);
    if (match === null) throw new Error(`not understood: ${code.slice(at)}`);
    at = pattern.lastIndex;
    yield match;
  }
}

function integer(type: string, value: bigint, order: 'little' | 'big'): Uint8Array {
  const size = Number(type.slice(1)) / 8;
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt.asUintN(64, value));
  const big = new Uint8Array(view.buffer, 8 - size);
  return order === 'big' ? big : big.slice().reverse();
}

function padTo(bytes: number[], offset: number): void {
  if (offset < bytes.length) throw new Error(`@${offset} is before ${bytes.length}`);
  while (bytes.length < offset) bytes.push(0);
}
