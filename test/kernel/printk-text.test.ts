import assert from 'node:assert/strict';
import { readKernelLog } from '../../src/kernel/printk.ts';
import { textRecords } from '../../src/kernel/printk-text.ts';
import { Vmcore } from '../../src/target/vmcore.ts';
import type { Vaddr } from '../../src/util/address.ts';
import { latin1 } from '../../src/util/byte-reader.ts';
import { FakeMemory } from '../support/fake-memory.ts';

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

/** A kernel of which nothing is known but the variables of its log. */
function oldKernel(variables: { log_end: number; logged_chars: number }, text: string): Vmcore {
  const memory = new FakeMemory({});
  const size = 64;
  memory.u64(0, memory.at(256));
  memory.u32(8, size);
  memory.u32(16, variables.log_end);
  memory.u32(24, variables.logged_chars);
  for (const [at, byte] of bytes(text).entries()) {
    memory.u8(256 + ((variables.log_end - text.length + at) % size), byte);
  }
  const names = ['log_buf', 'log_buf_len', 'log_end', 'logged_chars'];
  const lookup = (name: string): Vaddr | undefined => {
    const at = names.indexOf(name);
    return at < 0 ? undefined : memory.at(at * 8);
  };
  const space = { readInto: memory.readInto.bind(memory) };
  const vmcoreinfo = { symbol: () => undefined };
  const parts = { space, types: memory.types, symbols: { lookup }, vmcoreinfo };
  return new Vmcore(parts as unknown as ConstructorParameters<typeof Vmcore>[0]);
}

describe('readPrintkText', () => {
  it('reads the lines of a log before Linux 3.5', () => {
    const text = '<6>[    0.000000] one\n<4>[   12.345678] two\n';
    const log = readKernelLog(oldKernel({ log_end: 44, logged_chars: 44 }, text));
    assert.deepEqual([log.kind, log.lost], ['text', []]);
    assert.deepEqual(
      log.records.map(({ level, timeUs, bytes: own }) => [level, timeUs, latin1(own)]),
      [
        [6, 0, 'one'],
        [4, 12_345_678, 'two'],
      ],
    );
  });

  it('joins the two parts of a buffer that went round, and says what is lost', () => {
    const text = 'half a line\n<4>[   12.345678] went round the end of the buf\n<6>x';
    const log = readKernelLog(oldKernel({ log_end: 100, logged_chars: 64 }, text.slice(-64)));
    assert.deepEqual(log.lost, [{ why: 'overwritten by newer ones' }]);
    assert.deepEqual(
      log.records.map((record) => latin1(record.bytes)),
      ['half a line', 'went round the end of the buf', 'x'].map((line, at) =>
        at === 0 ? line.slice(text.length - 64) : line,
      ),
    );
  });
});

describe('readKernelLog without the symbols of any log', () => {
  it('says that it cannot be found', () => {
    const vmcore = oldKernel({ log_end: 0, logged_chars: 0 }, '');
    const symbols = { lookup: () => undefined };
    const bare = new Vmcore({ ...vmcore, symbols } as unknown as typeof vmcore);
    assert.throws(() => readKernelLog(bare), /the log cannot be found/);
  });
});

describe('textRecords', () => {
  it('takes lines without level or stamp as they are', () => {
    assert.deepEqual(textRecords(bytes('a\n\n[x] b')), [
      { bytes: bytes('a') },
      { bytes: bytes('') },
      { bytes: bytes('[x] b') },
    ]);
  });
});
