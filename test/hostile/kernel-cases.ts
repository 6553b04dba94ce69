// Dumps whose container is sound and whose kernel is damaged: page tables, kallsyms, BTF.

import type { DamagedCase } from '../support/damage.ts';
import type { Specimen } from '../support/specimen.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';

/** Changes memory, then makes an ELF file of it. */
const memory =
  (damage: (s: Specimen) => unknown) =>
  (s: Specimen): Uint8Array => {
    damage(s);
    return s.elf();
  };

/** Address of entry `index` of the root page table. */
const pgd = (s: Specimen, index: number): Vaddr =>
  vaddr(s.symbol('swapper_pg_dir') + BigInt(index * 8));

/** The pgd entry of the direct map: that of the first task that is not in the image. */
const directMapEntry = (s: Specimen): Vaddr => pgd(s, Number((s.task(1) >> 39n) & 511n));

/** Address of a kallsyms table. */
const table = (s: Specimen, name: string): Vaddr => s.symbol(`kallsyms_${name}`);

const btf = (s: Specimen, offset: number): Vaddr => vaddr(s.symbol('__start_BTF') + BigInt(offset));

/** Every record of BTF's type section that passes a test: address of the record, its info word. */
function btfRecords(s: Specimen, test: (info: { kind: number; size: number }) => boolean): Vaddr[] {
  const typeAt = s.u32(btf(s, 4)) + s.u32(btf(s, 8));
  const end = typeAt + s.u32(btf(s, 12));
  const found: Vaddr[] = [];
  for (let at = typeAt; at < end;) {
    const info = s.u32(btf(s, at + 4));
    const kind = (info >>> 24) & 0x1f;
    if (test({ kind, size: s.u32(btf(s, at + 8)) })) found.push(btf(s, at));
    at += 12 + recordTail(kind, info & 0xffff);
  }
  return found;
}

/** What follows struct btf_type, in bytes, by BTF_KIND_* (include/uapi/linux/btf.h). */
function recordTail(kind: number, vlen: number): number {
  if (kind === 1 || kind === 14 || kind === 17) return 4;
  if (kind === 3) return 12;
  if (kind === 4 || kind === 5 || kind === 15 || kind === 19) return 12 * vlen;
  return kind === 6 || kind === 13 ? 8 * vlen : 0;
}

/** Overwrites a word of every such record. */
const eachRecord = (kind: number, offset: number, value: number): DamagedCase['make'] =>
  memory((s) => {
    for (const at of btfRecords(s, (record) => record.kind === kind)) {
      s.set(vaddr(at + BigInt(offset)), value, 4);
    }
  });

const btfWord = (offset: number, value: number): DamagedCase['make'] =>
  memory((s) => s.set(btf(s, offset), value, 4));

export const PAGE_TABLE_CASES: readonly DamagedCase[] = [
  {
    name: 'page tables: root empty',
    make: memory((s) => s.write(pgd(s, 0), new Uint8Array(4096))),
    exitCode: 3,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
  {
    name: 'page tables: root all ones',
    make: memory((s) => s.write(pgd(s, 0), new Uint8Array(4096).fill(0xff))),
    exitCode: 3,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
  {
    name: 'page tables: root entry 511 leads to the root',
    make: memory((s) => s.set(pgd(s, 511), s.paddr(pgd(s, 0)) + 0x63)),
    exitCode: 3,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
  {
    name: 'page tables: root entry 511 leads past memory',
    make: memory((s) => s.set(pgd(s, 511), 0xffffffffff063n)),
    exitCode: 3,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
  {
    name: 'page tables: root not dumped',
    make: memory((s) => s.exclude(pgd(s, 0))),
    exitCode: 3,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
  {
    name: 'page tables: direct map gone',
    make: memory((s) => s.set(directMapEntry(s), 0)),
    exitCode: 1,
    says: /runqueue of CPU 0: virtual address 0x\w+: pgd\[\d+\] = 0x0 not present/,
  },
  {
    name: 'page tables: direct map leads to the root',
    make: memory((s) => s.set(directMapEntry(s), s.paddr(pgd(s, 0)) + 0x63)),
    exitCode: 1,
    says: /runqueue of CPU 0: virtual address 0x\w+: pud\[\d+\] = 0x0 not present/,
  },
  {
    name: 'page tables: direct map leads past memory',
    make: memory((s) => s.set(directMapEntry(s), 0xffffffffff063n)),
    exitCode: 1,
    says: /runqueue of CPU 0: virtual address 0x\w+: cannot read pud\[\d+\]: physical address/,
  },
  {
    name: 'page tables: direct map leads to a task',
    make: memory((s) =>
      s.set(directMapEntry(s), s.paddr(s.task(700)) - (s.paddr(s.task(700)) % 4096) + 0x63),
    ),
    exitCode: 1,
    says: /runqueue of CPU 0: virtual address 0x\w+: pud\[\d+\] = 0x0 not present/,
  },
];

export const KALLSYMS_CASES: readonly DamagedCase[] = [
  {
    name: 'kallsyms: num_syms 0',
    make: memory((s) => s.set(table(s, 'num_syms'), 0, 4)),
    exitCode: 3,
    says: /kallsyms: kallsyms_num_syms: 0 symbols cannot be in \d+ bytes of names/,
  },
  {
    name: 'kallsyms: num_syms 2^32 - 1',
    make: memory((s) => s.set(table(s, 'num_syms'), 0xffffffff, 4)),
    exitCode: 3,
    says: /kallsyms: kallsyms_num_syms: expected at most \d+ symbols, have \d+/,
  },
  {
    name: 'kallsyms: num_syms 2^22',
    make: memory((s) => s.set(table(s, 'num_syms'), 1 << 22, 4)),
    exitCode: 3,
    says: /kallsyms: virtual address 0x\w+: cannot read the page: physical address 0x\w+: not/,
  },
  {
    name: 'kallsyms: num_syms one too many',
    make: memory((s) => s.set(table(s, 'num_syms'), s.u32(table(s, 'num_syms')) + 1, 4)),
    exitCode: 3,
    says: /kallsyms: kallsyms_names: \d+ symbols do not fit \d+ bytes of names/,
  },
  {
    name: 'kallsyms: names all zero',
    make: memory((s) => s.write(table(s, 'names'), new Uint8Array(500))),
    exitCode: 3,
    says: /kallsyms: kallsyms_names: \d+ symbols do not fit \d+ bytes of names/,
  },
  {
    name: 'kallsyms: names all ones',
    make: memory((s) => s.write(table(s, 'names'), new Uint8Array(500).fill(0xff))),
    exitCode: 3,
    says: /kallsyms: kallsyms_names: \d+ symbols do not fit \d+ bytes of names/,
  },
  {
    name: 'kallsyms: token table all ones',
    make: memory((s) => {
      const size = Number(table(s, 'token_index') - table(s, 'token_table'));
      return s.write(table(s, 'token_table'), new Uint8Array(size).fill(0xff));
    }),
    exitCode: 3,
    says: /kallsyms: kallsyms_token_index\+0x0: token 0 at 0 does not end in a table of \d+ bytes/,
  },
  {
    name: 'kallsyms: token index all ones',
    make: memory((s) => s.write(table(s, 'token_index'), new Uint8Array(512).fill(0xff))),
    exitCode: 3,
    says: /kallsyms: kallsyms_token_index\+0x0: token 0 at \d+ does not end in a table of \d+/,
  },
  {
    name: 'kallsyms: offsets all ones',
    make: memory((s) => s.write(table(s, 'offsets'), new Uint8Array(260).fill(0xff))),
    exitCode: 3,
    says: /types: the dump has no BTF, and no layout file in structs\/ was made from this kernel/,
  },
  {
    name: 'kallsyms: relative base 0',
    make: memory((s) => s.set(table(s, 'relative_base'), 0)),
    exitCode: 3,
    says: /kallsyms: kallsyms addresses: init_uts_ns: expected 0x\w+, have 0x\w+ \(base-relati/,
  },
  {
    name: 'kallsyms: not dumped',
    make: memory((s) => s.exclude(table(s, 'names'))),
    exitCode: 3,
    says: /kallsyms: virtual address 0x\w+: cannot read the page: physical address 0x\w+: not/,
  },
];

export const BTF_CASES: readonly DamagedCase[] = [
  {
    name: 'BTF header: wrong magic',
    make: memory((s) => s.set(btf(s, 0), 0, 2)),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x0: magic, expected 0x\w+, have 0x0/,
  },
  {
    name: 'BTF header: version 9',
    make: memory((s) => s.set(btf(s, 2), 9, 1)),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x2: version, expected 1, have 9/,
  },
  {
    name: 'BTF header: hdr_len 0',
    make: btfWord(4, 0),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x4: hdr_len, expected \d+ to \d+, have 0/,
  },
  {
    name: 'BTF header: hdr_len 2^32 - 1',
    make: btfWord(4, 0xffffffff),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x4: hdr_len, expected \d+ to \d+, have \d+/,
  },
  {
    name: 'BTF header: type_off 2^32 - 4',
    make: btfWord(8, 0xfffffffc),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x8: type section, expected inside \d+ bytes, have 0x\w+ to 0x\w+/,
  },
  {
    name: 'BTF header: type_len 2^32 - 4',
    make: btfWord(12, 0xfffffffc),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x8: type section, expected inside \d+ bytes, have 0x18 to 0x\w+/,
  },
  {
    name: 'BTF header: str_off 2^32 - 1',
    make: btfWord(16, 0xffffffff),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x10: string section, expected inside \d+ bytes, have 0x\w+ to/,
  },
  {
    name: 'BTF header: str_len 2^32 - 1',
    make: btfWord(20, 0xffffffff),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x10: string section, expected inside \d+ bytes, have 0x\w+ to/,
  },
  {
    name: 'BTF header: str_len 0',
    make: btfWord(20, 0),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x\w+: string section, expected at least 1 byte, have 0/,
  },
  {
    name: 'BTF types: kind 31',
    make: memory((s) => s.set(vaddr(btf(s, 24 + 7)), 0x1f, 1)),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x18: type 1, kind \d+ is unknown and not in the layout/,
  },
  {
    name: 'BTF types: vlen 65535',
    make: memory((s) => {
      const [at] = btfRecords(s, ({ kind }) => kind === 4) as [Vaddr];
      s.set(vaddr(at + 4n), 0xffff, 2);
    }),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x18: type 1, expected at most \d+ bytes, have \d+/,
  },
  {
    name: 'BTF types: cut by zeros',
    make: memory((s) => s.write(btf(s, 2000), new Uint8Array(2000))),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x8d0: type 2, kind 0 is unknown and not in the layout/,
  },
  {
    name: 'BTF types: structs of 4 GB',
    make: eachRecord(4, 8, 0xffffffff),
    exitCode: 3,
    says: /CPU masks: virtual address 0x\w+: expected up to \d+ bytes, have \d+/,
  },
  {
    name: 'BTF types: structs of 0 bytes',
    make: eachRecord(4, 8, 0),
    exitCode: 3,
    says: /BTF\+0x38: type 1, member 1, expected inside 0 bits, have \d+ \+ 0/,
  },
  {
    name: 'BTF types: names past the strings',
    make: eachRecord(4, 0, 0x7fffffff),
    exitCode: 3,
    says: /type struct task_struct: not in this kernel/,
  },
  {
    name: 'BTF types: integers of 2 GB',
    make: eachRecord(1, 8, 0x7fffffff),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x\w+: type \d+, int size, expected 1, 2, 4, 8 or \d+, have \d+/,
  },
  {
    name: 'BTF types: integers of 0 bytes',
    make: eachRecord(1, 8, 0),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x\w+: type \d+, int size, expected 1, 2, 4, 8 or \d+, have 0/,
  },
  {
    name: 'BTF types: integers of 3 bytes',
    make: eachRecord(1, 8, 3),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x\w+: type \d+, int size, expected 1, 2, 4, 8 or \d+, have 3/,
  },
  {
    name: 'BTF types: arrays of 4 billion',
    make: eachRecord(3, 20, 0xffffffff),
    exitCode: 3,
    says: /member comm: expected at most \d+ bytes, have \d+/,
  },
  {
    name: 'BTF types: arrays of 16 MB',
    make: eachRecord(3, 20, 1 << 24),
    exitCode: 3,
    says: /member comm: expected at most \d+ bytes, have \d+/,
  },
  {
    name: 'BTF types: arrays of nothing',
    make: eachRecord(3, 20, 0),
    exitCode: 1,
    says: /pid IDR: node 0x\w+ has shift \d+ below shift \d+/,
  },
  {
    name: 'BTF types: arrays of type 4 billion',
    make: eachRecord(3, 12, 0xffffffff),
    exitCode: 3,
    says: /BTF: type \d+, expected an id below \d+/,
  },
  {
    name: 'BTF types: pointers of type 4 billion',
    make: eachRecord(2, 8, 0xffffffff),
    exitCode: 1,
    says: /init_task\.tasks: BTF: type \d+, expected an id below \d+/,
  },
  {
    name: 'BTF types: members at bit 2^32 - 1',
    make: eachRecord(4, 20, 0xffffffff),
    exitCode: 3,
    says: /BTF\+0x2c: type 1, member 0, expected inside \d+ bits, have \d+ \+ 255/,
  },
  {
    name: 'BTF types: members inside a byte',
    make: eachRecord(4, 20, 4),
    exitCode: 3,
    says: /bit offset, expected a multiple of 8, have 4/,
  },
  {
    name: 'BTF types: members of their own struct',
    make: memory((s) => {
      const all = btfRecords(s, () => true);
      all.forEach((at, i) => {
        if (((s.u32(vaddr(at + 4n)) >>> 24) & 31) === 4) s.set(vaddr(at + 16n), i + 1, 4);
      });
    }),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x\w+: type \d+, kind 0 is unknown and not in the layout/,
  },
  {
    name: 'BTF strings: zeros',
    make: memory((s) => s.write(btf(s, 24 + s.u32(btf(s, 16))), new Uint8Array(s.u32(btf(s, 20))))),
    exitCode: 3,
    says: /type struct task_struct: not in this kernel/,
  },
  {
    name: 'BTF strings: no NUL',
    make: memory((s) =>
      s.write(btf(s, 24 + s.u32(btf(s, 16))), new Uint8Array(s.u32(btf(s, 20))).fill(0x41)),
    ),
    exitCode: 3,
    says: /BTF in the dump: BTF\+0x\w+: first string, expected empty, have byte 0x41/,
  },
  {
    name: 'BTF: a page not dumped',
    make: memory((s) => s.exclude(btf(s, 4096))),
    exitCode: 3,
    says: /BTF in the dump: virtual address 0x\w+: cannot read the page: physical address 0x\w+/,
  },
];
