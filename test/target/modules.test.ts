import assert from 'node:assert/strict';

import { ModuleSymbols } from '../../src/target/modules.ts';
import type { KernelSymbol, SymbolTable } from '../../src/target/symbols.ts';
import { SymbolsWithModules } from '../../src/target/symbols.ts';
import type { CType, IntType, Member, StructType, TypeSource } from '../../src/types/ctype.ts';
import { sizeOf } from '../../src/types/ctype.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';
import { ByteWriter } from '../../src/util/byte-writer.ts';
import { FaultError } from '../../src/util/errors.ts';
import { Problems } from '../../src/util/problems.ts';
import { realDump } from '../support/real-dumps.ts';
import { realKernel, realTypes } from '../support/real-kernel.ts';

const U32: IntType = { kind: 'int', name: 'unsigned int', size: 4, signed: false };
const CHAR: IntType = { kind: 'int', name: 'char', size: 1, signed: true };
const VOID: CType = { kind: 'void' };
const pointer = (target: CType = VOID): CType => ({ kind: 'pointer', size: 8, target });
const array = (element: CType, count: number): CType => ({ kind: 'array', element, count });

/** A struct with its members one behind the other, without padding. */
function struct(name: string, members: Record<string, CType>): StructType {
  let bitOffset = 0;
  const placed = Object.entries(members).map(([member, type]): Member => {
    const place = { name: member, bitOffset, bitSize: undefined, type };
    bitOffset += sizeOf(type) * 8;
    return place;
  });
  return { kind: 'struct', name, size: bitOffset / 8, members: placed };
}

const LIST_HEAD = struct('list_head', { next: pointer(), prev: pointer() });
const HEAD = { list: LIST_HEAD, name: array(CHAR, 16) };
const TABLES = { symtab: pointer(), num_symtab: U32, strtab: pointer() };
const RANGE = { base: pointer(), size: U32 };

/** The three shapes of struct module that modules.ts tells apart. */
const SHAPES: Readonly<Record<string, StructType>> = {
  '6.4: mem[], kallsyms with typetab': struct('module', {
    ...HEAD,
    mem: array(struct('module_memory', RANGE), 2),
    kallsyms: pointer(struct('mod_kallsyms', { ...TABLES, typetab: pointer() })),
  }),
  '4.5: core_layout, kallsyms without typetab': struct('module', {
    ...HEAD,
    core_layout: struct('module_layout', RANGE),
    init_layout: struct('module_layout', RANGE),
    kallsyms: pointer(struct('mod_kallsyms', TABLES)),
  }),
  '4.4: module_core, tables in the module': struct('module', {
    ...HEAD,
    module_core: pointer(),
    core_size: U32,
    module_init: pointer(),
    init_size: U32,
    ...TABLES,
  }),
};

const BASE = 0xffffffffc0000000n;
const LIST = BASE;
const FUSE = BASE + 0x1000n;
const XFS = BASE + 0x2000n;
const MODULES = [FUSE, XFS];
const CODE = [BASE + 0x10000n, BASE + 0x20000n];

/** Memory from BASE on that a test may write to. */
class FlatMemory {
  readonly bytes = new Uint8Array(0x8000);
  readonly types: TypeSource;

  constructor(module: StructType) {
    const types = new Map([
      ['module', module],
      ['list_head', LIST_HEAD],
    ]);
    this.types = {
      origin: 'a test',
      find: (kind, name) => (kind === 'struct' ? types.get(name) : undefined),
      findEnumerator: () => undefined,
    };
  }

  readInto(into: Uint8Array, address: Vaddr): void {
    const at = Number(address - BASE);
    if (at < 0 || at + into.length > this.bytes.length) {
      throw new FaultError({ space: 'virtual', address, reason: 'not-in-dump' });
    }
    into.set(this.bytes.subarray(at, at + into.length));
  }

  write(address: bigint, bytes: Uint8Array): void {
    this.bytes.set(bytes, Number(address - BASE));
  }

  u64(address: bigint, value: bigint): void {
    this.write(address, new ByteWriter().u64(value).finish());
  }
}

/** Two modules, `fuse` and `xfs`, with two functions and one undefined symbol each. */
function buildModules(module: StructType): FlatMemory {
  const memory = new FlatMemory(module);
  const ring = [LIST, ...MODULES, LIST];
  for (let i = 0; i < 3; i++) memory.u64(ring[i] as bigint, ring[i + 1] as bigint);
  ['fuse', 'xfs'].forEach((name, i) => {
    const at = MODULES[i] as bigint;
    const code = CODE[i] as bigint;
    const strings = `\0${name}_open\0shared\0`;
    memory.write(at + 0x200n, symtab(code, name.length));
    memory.write(at + 0x300n, Buffer.from(strings));
    memory.write(at + 0x400n, Buffer.from('?tT'));
    memory.write(at + 16n, Buffer.from(name));
    memory.write(at + 32n, moduleTail(module, { code, at }));
    memory.write(at + 0x180n, tables(at, 3));
  });
  return memory;
}

const tables = (at: bigint, count: number): Uint8Array =>
  new ByteWriter()
    .u64(at + 0x200n)
    .u32(count)
    .u64(at + 0x300n)
    .u64(at + 0x400n)
    .finish();

function symtab(code: bigint, nameLength: number): Uint8Array {
  const writer = new ByteWriter();
  // st_name, st_info, st_other, st_shndx, st_value, st_size; the first one is undefined (shndx 0).
  writer.u32(0).u8(0).u8(0).u16(0).u64(0).u64(0);
  writer.u32(1).u8(0).u8(0).u16(1).u64(code).u64(0x40);
  return writer
    .u32(nameLength + 7)
    .u8(0)
    .u8(0)
    .u16(1)
    .u64(code + 0x100n)
    .u64(0x10)
    .finish();
}

/** Ranges, then the pointer to the tables or the tables, as the shape has them. */
function moduleTail(module: StructType, { code, at }: { code: bigint; at: bigint }): Uint8Array {
  const writer = new ByteWriter().u64(code).u32(0x200).u64(0).u32(0);
  if (module.members.some(({ name }) => name === 'kallsyms'))
    return writer.u64(at + 0x180n).finish();
  return writer.bytes(tables(at, 3)).finish();
}

/** A kernel image that has nothing but the head of the list. */
const KERNEL: SymbolTable = {
  origin: 'a test',
  count: 1,
  lookup: (name) => (name === 'modules' ? vaddr(LIST) : undefined),
  lookupAll: () => [],
  symbolAt: () => undefined,
  symbols: (): KernelSymbol[] => [],
};

/** What is broken, and what can be read all the same. */
interface Damaged {
  readonly title: string;
  readonly damage: (memory: FlatMemory) => void;
  /** The modules that are listed. */
  readonly modules: string;
  /** Those whose symbols are read. */
  readonly tables: string;
  readonly why: RegExp;
}

const [SHAPE_64 = LIST_HEAD] = Object.values(SHAPES);

describe('ModuleSymbols', () => {
  for (const [title, module] of Object.entries(SHAPES)) {
    it(`reads modules of ${title}`, () => {
      const problems = new Problems();
      const symbols = new ModuleSymbols(buildModules(module), KERNEL, problems);
      assert.deepEqual(
        symbols.modules.map(({ name }) => name),
        ['fuse', 'xfs'],
      );
      assert.equal(symbols.lookup('xfs_open'), CODE[1]);
      assert.deepEqual(
        symbols.lookupAll('shared').map((symbol) => `${symbol.module} ${symbol.address}`),
        [`fuse ${BASE + 0x10100n}`, `xfs ${BASE + 0x20100n}`],
      );
      const place = symbols.symbolAt(vaddr(BASE + 0x1000fn));
      assert.equal(`${place?.name}+${place?.offset} [${place?.module}]`, 'fuse_open+15 [fuse]');
      assert.equal(symbols.symbolAt(vaddr(BASE + 0x10200n)), undefined);
      assert.equal(symbols.count, 4);
      assert.deepEqual(problems.list, []);
    });
  }

  it('has sizes and type letters only where typetab keeps them out of each other', () => {
    const [with64, with45] = Object.values(SHAPES).map((shape) =>
      new ModuleSymbols(buildModules(shape), KERNEL, new Problems()).symbolAt(
        vaddr(BASE + 0x10000n),
      ),
    );
    assert.equal(`${with64?.type} ${with64?.size}`, 't 64');
    assert.equal(`${with45?.type} ${with45?.size}`, '? 256');
  });

  it('reads nothing before it is asked', () => {
    const memory = buildModules(SHAPE_64);
    memory.readInto = () => assert.fail('read');
    const problems = new Problems();
    const symbols = new SymbolsWithModules(KERNEL, new ModuleSymbols(memory, KERNEL, problems));
    assert.equal(symbols.lookup('fuse_open'), undefined);
    assert.equal(symbols.count, 1);
  });

  const damaged: Damaged[] = [
    {
      title: 'a list that does not return to its head',
      damage: (memory) => memory.u64(XFS, FUSE),
      modules: 'fuse xfs',
      tables: 'fuse xfs',
      why: /it does not return to its head after 2 modules/,
    },
    {
      title: 'a link out of the dump',
      damage: (memory) => memory.u64(FUSE, 0x1000n),
      modules: 'fuse',
      tables: 'fuse',
      why: /virtual address 0x1\w+: not in the dump/,
    },
    {
      title: 'a null link',
      damage: (memory) => memory.u64(LIST, 0n),
      modules: '',
      tables: '',
      why: /virtual address 0x\w+: not in the dump/,
    },
    {
      title: 'a table of 4 billion symbols',
      damage: (memory) => memory.write(FUSE + 0x188n, new Uint8Array(4).fill(0xff)),
      modules: 'fuse xfs',
      tables: 'xfs',
      why: /expected at most 1048576 symbols, have 4294967295/,
    },
    {
      title: 'a table outside the dump',
      damage: (memory) => memory.u64(FUSE + 0x180n, 0x1000n),
      modules: 'fuse xfs',
      tables: 'xfs',
      why: /virtual address 0x1000: not in the dump/,
    },
    {
      title: 'a name 4 GiB behind the strings',
      damage: (memory) => memory.write(FUSE + 0x218n, new Uint8Array(4).fill(0xff)),
      modules: 'fuse xfs',
      tables: 'xfs',
      why: /a name lies at 4294967295, expected less/,
    },
  ];
  for (const { title, damage, modules, tables: readable, why } of damaged) {
    it(`reports ${title} and goes on`, () => {
      const memory = buildModules(SHAPE_64);
      damage(memory);
      const problems = new Problems();
      const symbols = new ModuleSymbols(memory, KERNEL, problems);
      assert.equal(symbols.modules.map(({ name }) => name).join(' '), modules);
      const found = ['fuse', 'xfs'].filter((name) => symbols.lookup(`${name}_open`) !== undefined);
      assert.equal(found.join(' '), readable);
      assert.match(problems.list.map(({ message }) => message).join('\n'), why);
    });
  }

  it('names functions of modules of a real kernel, which drgn could not', async function () {
    const kernel = await realKernel(realDump(this, 'k61-press-d31.kdump'));
    const memory = {
      types: realTypes(kernel),
      readInto: (into: Uint8Array, address: Vaddr) => kernel.space.readInto(into, address),
    };
    const problems = new Problems();
    const symbols = new ModuleSymbols(memory, kernel.symbols, problems);
    assert.deepEqual(
      symbols.modules.map(({ name }) => name),
      ['qemu_fw_cfg', 'fuse'],
    );
    assert.equal(symbols.count, 583);
    for (const { name, address, type } of symbols.symbols()) {
      const place = symbols.symbolAt(address);
      if (type === 't' || type === 'T') assert.equal(place?.offset, 0, name);
    }
    // The frames of `fuse-stat-00`, bare addresses in truth/k61-press/stacks.txt, innermost first.
    const frames = [0xffffffffc02ff53bn, 0xffffffffc0302a9bn, 0xffffffffc03049e8n];
    assert.deepEqual(
      frames.map((pc) => symbols.symbolAt(vaddr(pc))?.name),
      ['request_wait_answer', 'fuse_simple_request', 'fuse_lookup_name'],
    );
    assert.deepEqual(problems.list, []);
  });
});
