// Layouts held against pahole(1) of the dwarves, which reads the same BTF.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBtf } from '../../src/format/btf/read.ts';
import { namedType, typeLayout } from '../../src/kernel/struct-layout.ts';
import { typeLayoutText } from '../../src/report/struct-layout.ts';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';
import { btfKernelTable } from '../support/btf-kernel.ts';
import { realBtf } from '../support/btf-real.ts';

/**
 * What pahole adds: attributes that it concludes from offsets, since BTF has none, and lines that
 * make its output compile.
 */
const PAHOLE_ONLY = [
  / __attribute__\(\(__(aligned__\(\d+\)|packed__)\)\)/g,
  /^\t+\/\* (Bitfield combined with|Force alignment to|forced alignments:).*\n/gm,
  /^\t+[\w ]+ +:\d+;\n/gm,
];

/**
 * Where pahole 1.24 is wrong or unclear, in BTF that is not: `const` of a pointer is written before
 * its target, that of an array twice; a pointer to an array loses the array; a member that is
 * declared `const struct {` ends in the statistics of a whole struct.
 */
const PAHOLE_WRONG = /const const|\(\* const |\* const\)|\(\*\w+\)\[|^const struct \{/m;

/** A text without what is only a matter of spaces; `[]` and `[0]` are one thing in BTF. */
function compared(text: string): string {
  return PAHOLE_ONLY.reduce((rest, pattern) => rest.replace(pattern, ''), text)
    .replace(/X{3} |, try to pack/g, '')
    .replaceAll('[]', '[0]')
    .replace(/[ \t]+/g, ' ')
    .replace(/ ([,)])/g, '$1')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');
}

function paholeText(bytes: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-pahole-'));
  try {
    const path = join(folder, 'types.btf');
    writeFileSync(path, bytes);
    const stdio: ('ignore' | 'pipe')[] = ['ignore', 'pipe', 'ignore'];
    const args = ['-F', 'btf', path];
    return execFileSync('pahole', args, { encoding: 'latin1', maxBuffer: 1 << 28, stdio });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All 7,400 take ten seconds; 1 here compares them. */
const EVERY = 10;
const LARGE = 'task_struct mm_struct zone pglist_data sk_buff page pci_dev fs_context net_device';

const BODY = /^(struct|union) (\w+) \{\n[^]*?^\}.*;\n/gm;

describe('typeLayoutText', () => {
  it('prints structs of a real kernel as pahole does', async function () {
    this.timeout(30_000);
    if (!hasProgram('pahole')) skipWithReason(this, 'pahole is not installed');
    const bytes = await realBtf(this, 'k61-press-d31.kdump');
    const types = new BtfTypes(readBtf(bytes));
    let same = 0;
    const wrong: string[] = [];
    const all = [...paholeText(bytes).matchAll(BODY)];
    const chosen = all.filter(
      ([, , name = ''], at) => at % EVERY === 0 || LARGE.split(' ').includes(name),
    );
    for (const [theirs, kind, name = ''] of chosen) {
      const asked = { kind: kind as 'struct' | 'union', name };
      // Of several structs of one name both show one, and not the same.
      if (types.findAll(asked.kind, name).length > 1) continue;
      const found = namedType(types, asked);
      assert.ok(found !== undefined, name);
      const ours = typeLayoutText(typeLayout(asked, found, 'BTF'));
      if (compared(ours) === compared(theirs)) same++;
      else if (PAHOLE_WRONG.test(compared(ours) + compared(theirs))) wrong.push(name);
      else assert.equal(compared(ours), compared(theirs));
    }
    assert.ok(same > 7000 / EVERY, `${same} structs`);
    assert.ok(wrong.length < 20, wrong.join(' '));
  });

  const small = new BtfTypes(btfKernelTable());
  const textOf = (name: string): string => {
    return typeLayoutText(typeLayout({ name }, namedType(small, { name })!, 'BTF'));
  };

  it('shows anonymous members, bit fields, holes and cache lines', () => {
    assert.equal(
      textOf('task_struct'),
      [
        'struct task_struct {',
        '\tstruct list_head           tasks;                /*     0    16 */',
        '\tunion {',
        '\t\tvoid *             mm;                   /*    16     8 */',
        '\t\tunsigned int       words[2];             /*    16     8 */',
        '\t};                                               /*    16     8 */',
        '\tconst volatile int         pid;                  /*    24     4 */',
        '\tchar                       comm[16];             /*    28    16 */',
        '\tatomic_t                   usage;                /*    44     4 */',
        '',
        '\t/* 2 bits hole */',
        '',
        '\tunsigned int               in_memstall:1;        /*    48: 2  4 */',
        '\tint                        nice:7;               /*    48: 3  4 */',
        '',
        '\t/* 22 bits hole */',
        '',
        '\tenum sched_policy          policy;               /*    52     4 */',
        '\tstruct memalloc_info       memalloc;             /*    56    24 */',
        '\t/* --- cacheline 1 boundary (64 bytes) was 16 bytes ago --- */',
        '\tstruct css_set *           cgroups;              /*    80     8 */',
        '\tvoid                       (* restrict handler)(int, ...); /*    88     8 */',
        '\t_Bool                      frozen;               /*    96     1 */',
        '',
        '\t/* size: 128, cachelines: 2, members: 12 */',
        '\t/* sum members: 93 */',
        '\t/* sum bitfield members: 8 bits, bit holes: 2, sum bit holes: 24 bits */',
        '\t/* padding: 31 */',
        '};',
        '',
      ].join('\n'),
    );
  });

  it('shows enums and typedefs', () => {
    assert.equal(
      textOf('sched_policy'),
      'enum sched_policy {\n\tSCHED_NORMAL = 0,\n\tSCHED_FIFO   = 1,\n\tSCHED_NONE   = -1,\n};\n',
    );
    assert.equal(textOf('gfp_t'), 'typedef unsigned int gfp_t;\n\t/* size: 4 */\n');
    assert.match(textOf('atomic_t'), /^typedef struct \{\n\tint .*counter;[^]*\n\} atomic_t;\n$/);
    assert.equal(textOf('_Bool'), '_Bool;\n\t/* size: 1 */\n');
  });
});
