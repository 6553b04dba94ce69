// BTF cut out of the real dumps.

import { openVmcore } from '../../src/target/index.ts';
import { realDump } from './real-dumps.ts';

const cut = new Map<string, Promise<Uint8Array>>();

/** The bytes from `__start_BTF` to `__stop_BTF`; skips the test where the dump is absent. */
export function realBtf(context: Mocha.Context, dump: string): Promise<Uint8Array> {
  const path = realDump(context, dump);
  let bytes = cut.get(dump);
  if (bytes === undefined) cut.set(dump, (bytes = cutBtf(path)));
  return bytes;
}

async function cutBtf(path: string): Promise<Uint8Array> {
  const vmcore = await openVmcore([path]);
  try {
    const start = vmcore.symbol('__start_BTF');
    return vmcore.readBytes(start, Number(vmcore.symbol('__stop_BTF') - start));
  } finally {
    vmcore.close();
  }
}
