import assert from 'node:assert/strict';
import { readBtf } from '../../src/format/btf/read.ts';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { compileMember } from '../../src/types/compile.ts';
import { findMember, sizeOf, type StructType } from '../../src/types/ctype.ts';
import { exportLayout } from '../../src/types/export.ts';
import { readLayout } from '../../src/types/layout.ts';
import { StructParser } from '../../src/types/struct-parser.ts';
import { VmcoreError } from '../../src/util/errors.ts';
import { Prng } from '../../src/util/prng.ts';
import { btfKernel } from '../support/btf-kernel.ts';

const identity = {
  release: null,
  arch: 'x86_64',
  banner: null,
  buildId: null,
  producer: 'test',
  source: 'test',
};
const NAMES = ['struct task_struct', 'struct list_head', 'enum wide', 'typedef gfp_t'] as const;
const PATHS = ['tasks.next', 'mm', 'words[1]', 'comm', 'nice', 'memalloc.gfp', 'cgroups'];

/** Whatever the bytes are, a VmcoreError is the only way out. */
function expectVmcoreError(what: string, run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof VmcoreError) return false;
    throw new Error(`${what}: ${String(error)}`, { cause: error });
  }
}

/** What a command does with types, each step on its own. */
function useTypes(what: string, types: BtfTypes): void {
  for (let id = 0; id < Math.min(types.table.endId, 100); id++) {
    expectVmcoreError(what, () => sizeOf(types.typeOf(id)));
  }
  for (const name of ['SCHED_NONE', 'WIDE_TOP']) {
    expectVmcoreError(what, () => types.findEnumerator(name));
  }
  expectVmcoreError(what, () => types.variableType('runqueues'));
  expectVmcoreError(what, () => exportLayout(types, { identity, names: NAMES }));
  expectVmcoreError(what, () => useStruct(what, types.find('struct', 'task_struct') as StructType));
}

function useStruct(what: string, task: StructType | undefined): void {
  if (task === undefined) return;
  const bytes = new Uint8Array(256);
  for (const path of PATHS) {
    expectVmcoreError(what, () => {
      const place = findMember(task, path);
      if (place === undefined || place.bitOffset > 1024) return;
      // Larger than the buffer is the caller's affair: it knows what it has read.
      if (sizeOf(place.type) <= 64) compileMember(place)(new DataView(bytes.buffer), 0);
    });
  }
  if (task.size <= bytes.length) expectVmcoreError(what, () => new StructParser(task).parse(bytes));
}

describe('BTF with random damage', () => {
  for (const headerSize of [24, 32] as const) {
    it(`ends in a value or in a VmcoreError (header of ${headerSize} bytes)`, () => {
      const whole = btfKernel({ headerSize }).writer.finish();
      let survived = 0;
      for (let seed = 0; seed < 3000; seed++) {
        const random = new Prng(seed);
        const bytes = whole.slice(0, random.chance(0.1) ? random.below(whole.length) : undefined);
        for (let n = random.below(4); n >= 0; n--) {
          bytes[random.below(bytes.length)] = random.chance(0.5) ? random.u32() : random.below(8);
        }
        const what = `seed ${seed}`;
        expectVmcoreError(what, () => {
          useTypes(what, new BtfTypes(readBtf(bytes)));
          survived++;
        });
      }
      // Most damage is inside a type and must not take the others away.
      assert.ok(survived > 1500, `${survived} of 3000`);
    }).timeout(180_000);
  }
});

describe('layout files with random damage', () => {
  it('end in a value or in a VmcoreError', () => {
    const types = new BtfTypes(readBtf(btfKernel().writer.finish()));
    const { text } = exportLayout(types, { identity, names: NAMES });
    const pieces = ['"', '{', '}', '-1', 'null', '#0', 'struct ', '[9]', '*', '(', '1e9', ','];
    for (let seed = 0; seed < 3000; seed++) {
      const random = new Prng(seed);
      const at = random.below(text.length);
      const removed = random.below(6);
      const broken = text.slice(0, at) + random.pick(pieces) + text.slice(at + removed);
      const what = `seed ${seed}`;
      expectVmcoreError(what, () => {
        const layout = readLayout(broken);
        expectVmcoreError(what, () => layout.checkAll());
        expectVmcoreError(what, () =>
          useStruct(what, layout.find('struct', 'task_struct') as StructType),
        );
      });
    }
  });
});
