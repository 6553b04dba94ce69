// DWARF as compilers and tools make it today. The truth is what the compiled program says of its
// own structs: offsetof, sizeof, and which bits change when a bit field is set.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSource } from '../../src/target/file-source.ts';
import { readVmlinux } from '../../src/target/vmlinux.ts';
import { findMember, sizeOf, type StructType, type TypeSource } from '../../src/types/ctype.ts';
import { memberTypeWords } from '../../src/types/declaration.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';

const HEADER = `
typedef struct { int counter; } atomic_t;
struct list { struct list *next, *prev; };
enum kind { KIND_A, KIND_B = 7, KIND_NEG = -2 };
struct later;
struct all {
  volatile long state;
  atomic_t usage;
  unsigned a:3, b:1;
  unsigned long long wide:40;
  signed short narrow:5;
  struct list tasks;
  union { struct { char low, high; }; short both; };
  const char *const name;
  int (*call)(struct later *, const char *, ...);
  char grid[2][3][4];
  struct { int x; } inner[2];
  enum kind kind;
  _Bool flag;
  double real;
  struct later *later;
  struct list *(*table[4])(void);
  char none[0];
  int tail[];
};
`;

const MAIN = `${HEADER}
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#define O(m) printf(#m " %zu %zu\\n", offsetof(struct all, m) * 8, sizeof(((struct all *)0)->m))
#define B(m) do { struct all s; unsigned char *p = (void *)&s; int i, first = -1, count = 0; \\
  memset(&s, 0, sizeof s); s.m = ~0ull; \\
  for (i = 0; i < (int)sizeof s * 8; i++) if (p[i / 8] >> i % 8 & 1) { \\
    count++; if (first < 0) first = i; } \\
  printf(#m " %d :%d\\n", first, count); } while (0)
enum { ANON_ONE = 1, ANON_BIG = 0x80000000u };
struct all everything;
static struct later *local_pointer;
extern struct list elsewhere;
int main(void) {
  O(state); O(usage.counter); B(a); B(b); B(wide); B(narrow); O(tasks.prev);
  O(low); O(high); O(both);
  O(name); O(call); O(grid); O(grid[1][2][3]); O(inner[1].x); O(kind); O(flag); O(real); O(later);
  O(table); O(table[3]); O(none);
  printf("size 0 %zu\\n", sizeof(struct all));
  return local_pointer == 0 && elsewhere.next == 0 ? ANON_ONE - 1 : (int)ANON_BIG;
}
`;

const OTHER = `${HEADER}
struct later { int first; atomic_t users; };
struct list elsewhere;
struct later later_one;
`;

const DECLARATIONS = {
  state: 'volatile long int',
  usage: 'atomic_t',
  name: 'const char * const',
  call: 'int (*)(struct later *, const char *, ...)',
  grid: 'char [2][3][4]',
  table: 'struct list * (*[4])(void)',
  later: 'struct later *',
};

interface Variant {
  readonly compiler: 'gcc' | 'clang';
  readonly flags: readonly string[];
  /** Run on the program, and on a copy of it, before it is read. */
  readonly tool?: readonly string[];
  /** It is read as `ld -r` leaves it, with its relocations not applied. */
  readonly isRelocatable?: boolean;
}

const GCC: readonly (readonly string[])[] = [
  ['-gdwarf-2', '-gstrict-dwarf'],
  ['-gdwarf-3'],
  ['-gdwarf-4'],
  ['-gdwarf-5'],
  ['-gdwarf-5', '-gdwarf64'],
  ['-gdwarf-4', '-fdebug-types-section'],
  ['-gdwarf-5', '-fdebug-types-section'],
  ['-gdwarf-5', '-gz=zlib'],
  ['-gdwarf-5', '-flto'],
];
const CLANG: readonly (readonly string[])[] = [
  ['-gdwarf-2'],
  ['-gdwarf-4'],
  ['-gdwarf-5'],
  ['-gdwarf-5', '-fdebug-types-section'],
];
const TOOLS: readonly (readonly string[])[] = [
  ['objcopy', '--compress-debug-sections=zlib-gnu'],
  ['objcopy', '--compress-debug-sections=zstd'],
  ['objcopy', '--only-keep-debug'],
  ['dwz'],
  ['dwz', '-m', 'shared.dwz', '-r'],
  ['dwz', '-5', '--dwarf-5', '-m', 'shared.dwz', '-r'],
];

/** As a module or vmlinux.o is: not linked. */
const RELOCATABLE: Variant[] = [
  { compiler: 'gcc', flags: ['-gdwarf-3'], isRelocatable: true },
  { compiler: 'gcc', flags: ['-gdwarf-4', '-gz'], isRelocatable: true },
  { compiler: 'gcc', flags: ['-gdwarf-5'], isRelocatable: true },
  { compiler: 'gcc', flags: ['-gdwarf-5', '-gdwarf64'], isRelocatable: true },
  { compiler: 'clang', flags: ['-gdwarf-5'], isRelocatable: true },
];

const VARIANTS: Variant[] = [
  ...GCC.map((flags) => ({ compiler: 'gcc' as const, flags })),
  ...CLANG.map((flags) => ({ compiler: 'clang' as const, flags })),
  ...TOOLS.map((tool) => ({ compiler: 'gcc' as const, flags: ['-gdwarf-5'], tool })),
  { compiler: 'gcc', flags: ['-gdwarf-4'], tool: ['dwz', '-m', 'shared.dwz', '-r'] },
  ...RELOCATABLE,
];

/** Builds the program in `folder`; what it prints of itself. */
function build(folder: string, { compiler, flags, tool, isRelocatable }: Variant): string {
  const run = (program: string, args: readonly string[]): string =>
    execFileSync(program, args, { cwd: folder, encoding: 'latin1', stdio: 'pipe' });
  writeFileSync(join(folder, 'main.c'), MAIN);
  writeFileSync(join(folder, 'other.c'), OTHER);
  run(compiler, ['-O1', '-w', ...flags, 'main.c', 'other.c', '-o', 'program']);
  const truth = run(join(folder, 'program'), []);
  if (isRelocatable === true) {
    for (const name of ['main', 'other']) {
      run(compiler, ['-O1', '-w', ...flags, '-c', `${name}.c`, '-o', `${name}.o`]);
    }
    run('ld', ['-r', 'main.o', 'other.o', '-o', 'program']);
  }
  // dwz moves out only what two files share.
  copyFileSync(join(folder, 'program'), join(folder, 'second'));
  if (tool !== undefined) {
    const [program = '', ...args] = tool;
    run(program, [...args, 'program', ...(program === 'dwz' ? ['second'] : [])]);
  }
  return truth;
}

function check(types: TypeSource, truth: string): void {
  const all = types.find('struct', 'all') as StructType;
  for (const line of truth.trim().split('\n')) {
    const [path = '', offset, size = ''] = line.split(' ');
    const place = path === 'size' ? { bitOffset: 0, type: all } : findMember(all, path);
    assert.equal(place?.bitOffset, Number(offset), path);
    const bits = 'bitSize' in place ? place.bitSize : undefined;
    assert.equal(bits === undefined ? String(sizeOf(place.type)) : `:${bits}`, size, path);
  }
  for (const [name, words] of Object.entries(DECLARATIONS)) {
    const member = all.members.find((each) => each.name === name)!;
    // clang says `long` where gcc says `long int`.
    assert.equal(memberTypeWords(member).replace(/long$/, 'long int'), words);
  }
  const later = findMember(all, 'later')?.type;
  assert.ok(later?.kind === 'pointer' && later.target.kind === 'struct');
  assert.equal(later.target.size, 8);
  assert.equal(types.find('struct', 'later'), later.target);
  assert.equal(types.variableType?.('everything'), all);
  assert.equal(types.variableType?.('elsewhere'), types.find('struct', 'list'));
  assert.deepEqual(
    ['KIND_B', 'KIND_NEG', 'ANON_BIG'].map((name) => types.findEnumerator(name)),
    [7n, -2n, 0x80000000n],
  );
}

describe('DwarfTypes on what compilers write', () => {
  for (const variant of VARIANTS) {
    const { compiler, flags, tool = [] } = variant;
    const linked = variant.isRelocatable === true ? ['and', 'ld', '-r'] : [];
    const words = [
      compiler,
      ...flags,
      ...linked,
      ...(tool.length === 0 ? [] : ['and', ...tool]),
    ].join(' ');
    it(`agrees with the program, of ${words}`, async function () {
      for (const program of [compiler, ...tool.slice(0, 1)]) {
        if (!hasProgram(program)) skipWithReason(this, `${program} is not installed`);
      }
      const folder = mkdtempSync(join(tmpdir(), 'stallcore-dwarf-'));
      mkdirSync(folder, { recursive: true });
      try {
        const truth = build(folder, variant);
        const path = join(folder, 'program');
        const source = FileSource.open(path);
        const vmlinux = await readVmlinux(source, { path });
        check(vmlinux.types!, truth);
        vmlinux.close();
        source.close();
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
});
