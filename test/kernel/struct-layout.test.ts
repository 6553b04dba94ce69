import assert from 'node:assert/strict';
import { readBtf } from '../../src/format/btf/read.ts';
import { BtfWriter } from '../../src/format/btf/write.ts';
import {
  memberLayout,
  namedType,
  typeLayout,
  type StructBody,
} from '../../src/kernel/struct-layout.ts';
import { ValueReader } from '../../src/kernel/struct-value.ts';
import { typeLayoutText } from '../../src/report/struct-layout.ts';
import { SymbolList } from '../../src/target/symbol-list.ts';
import { BtfTypes } from '../../src/types/btf-types.ts';
import type { TypeSource } from '../../src/types/ctype.ts';
import { readLayout } from '../../src/types/layout.ts';
import { exportLayout } from '../../src/types/export.ts';
import { vaddr } from '../../src/util/address.ts';
import { VmcoreError } from '../../src/util/errors.ts';
import { Prng } from '../../src/util/prng.ts';
import { btfKernel, btfKernelTable } from '../support/btf-kernel.ts';

const types = new BtfTypes(btfKernelTable());

function bodyOf(source: TypeSource, name: string): StructBody {
  const found = namedType(source, { name });
  assert.ok(found !== undefined, name);
  const { body } = typeLayout({ name }, found, 'test');
  assert.ok(body !== undefined, name);
  return body;
}

describe('namedType', () => {
  it('finds structs, enums, typedefs and ints by name, and each by its kind alone', () => {
    assert.equal(namedType(types, { name: 'task_struct' })?.type.kind, 'struct');
    assert.equal(namedType(types, { name: 'wide' })?.type.kind, 'enum');
    assert.equal(namedType(types, { kind: 'struct', name: 'wide' }), undefined);
    assert.equal(namedType(types, { name: '_Bool' })?.type.kind, 'int');
    const typedef = { base: 'unsigned int', declarator: 'gfp_t' };
    assert.deepEqual(namedType(types, { name: 'gfp_t' })?.typedef, typedef);
    assert.equal(namedType(types, { name: 'nix' }), undefined);
  });
});

describe('typeLayout', () => {
  it('gives a layout file the offsets and types that it was made from', () => {
    const identity = { release: null, banner: null, buildId: null, arch: 'x86_64' };
    const { text } = exportLayout(types, {
      identity: { ...identity, producer: 'test', source: 'test' },
      names: ['struct task_struct', 'typedef atomic_t'],
    });
    const places = (source: TypeSource): unknown[] => {
      return bodyOf(source, 'task_struct').members.map(({ name, offsetBytes, bits, hole }) => {
        return [name, offsetBytes, bits, hole];
      });
    };
    assert.deepEqual(places(readLayout(text)), places(types));
    const layout = bodyOf(readLayout(text), 'task_struct').members;
    const words = Object.fromEntries(layout.map(({ name, type }) => [name, type]));
    assert.deepEqual([words.usage, words.comm], ['atomic_t', 'char [16]']);
  });

  it('counts members behind a pointer from what it points to', () => {
    const w = new BtfWriter();
    const int = w.int('int', 4);
    const inner = w.struct('', 8, [{ name: 'from', type: int, bitOffset: 32 }]);
    w.struct('s', 16, [
      { name: 'first', type: int, bitOffset: 0 },
      { name: 'parts', type: w.ptr(inner), bitOffset: 64 },
    ]);
    const [, parts] = bodyOf(new BtfTypes(readBtf(w.finish())), 's').members;
    assert.deepEqual([parts?.offsetBytes, parts?.body?.members[0]?.offsetBytes], [8, 4]);
  });

  it('shows so many members of a struct that contains itself, and no more', () => {
    const w = new BtfWriter();
    const self = w.nextId;
    const members = Array.from({ length: 200 }, () => ({ name: '', type: self, bitOffset: 0 }));
    w.struct('', 8, members);
    w.typedef('loop', self);
    const source = new BtfTypes(readBtf(w.finish()));
    const text = typeLayoutText(typeLayout({ name: 'loop' }, { type: source.typeOf(self) }, ''));
    assert.match(text, /\/\* 200 more members \*\//);
    assert.ok(text.split('\n').length < 100_000);
  });
});

describe('memberLayout', () => {
  const task = namedType(types, { name: 'task_struct' })!.type;

  it('finds members of anonymous unions and of structs in the struct', () => {
    const [words, next] = ['words[1]', 'tasks.prev'].map((path) => memberLayout(task, path));
    assert.deepEqual([words?.offsetBytes, words?.type], [20, 'unsigned int']);
    assert.deepEqual([next?.offsetBytes, next?.type], [8, 'struct list_head *']);
    assert.equal(memberLayout(task, 'usage')?.type, 'atomic_t');
  });

  it('goes through a pointer to another struct', () => {
    assert.equal(memberLayout(task, 'tasks.next.prev')?.offsetBytes, 8);
    assert.equal(memberLayout(task, 'tasks.nix'), undefined);
    assert.equal(memberLayout(task, 'comm.x'), undefined);
  });
});

describe('layouts and values of damaged types', () => {
  it('end in a result or in a VmcoreError', () => {
    const whole = btfKernel().writer.finish();
    const memory = {
      symbols: new SymbolList('test', []),
      readBytes: (_address: bigint, length: number) => new Uint8Array(length).fill(0x55),
      readAvailable: () => new Uint8Array(),
    };
    let read = 0;
    for (let seed = 0; seed < 400; seed++) {
      const random = new Prng(seed);
      const bytes = whole.slice();
      for (let n = random.below(4); n >= 0; n--) {
        bytes[random.below(bytes.length)] = random.chance(0.5) ? random.u32() : random.below(8);
      }
      try {
        const damaged = new BtfTypes(readBtf(bytes));
        for (const name of damaged.names()) {
          const found = namedType(damaged, { name });
          if (found === undefined) continue;
          const text = typeLayoutText(typeLayout({ name }, found, 'test'));
          assert.doesNotMatch(text, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/, `seed ${seed}`);
          new ValueReader(memory).read(found.type, vaddr(0n));
          read++;
        }
      } catch (error) {
        if (!(error instanceof VmcoreError)) throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    assert.ok(read > 1000, `${read} types`);
  });
});
