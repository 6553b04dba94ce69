// `npm run layout-4.4`: makes the layout file of the simulated 4.4 kernel from the declarations in
// linux-4.4/. gcc lays the structs out and describes them in BTF (-gbtf, gcc 12 and later); what
// `stallcore structs export` does with the BTF of a kernel is then done with that. Give a file to
// have it written elsewhere.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBtf } from '../format/btf/read.ts';
import { readElf } from '../format/elf/read.ts';
import { readSectionByName, readSections } from '../format/elf/sections.ts';
import { bannerOf } from '../sim/flavour/flavour.ts';
import { GFP_BITS_4_4 } from '../sim/flavour/gfp-4-4.ts';
import { KERNEL_NAME_4_4 } from '../sim/flavour/kernel-name-4-4.ts';
import { BtfTypes } from '../types/btf-types.ts';
import type { TypeSource } from '../types/ctype.ts';
import { writeLayout, type TypeName } from '../types/layout-write.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../types/used-structs.ts';
import { assert } from '../util/assert.ts';
import { BytesSource } from '../util/io.ts';

/** In the order in which they need each other. */
const HEADERS = ['base.h', 'task.h', 'memory.h', 'rest.h'];

/** What 4.4 called types that have other names today, and what went. */
const NAMES_OF_THEN: readonly TypeName[] = [
  'struct __wait_queue_head',
  'struct __wait_queue',
  'struct wait_bit_queue',
  'struct mem_cgroup_per_zone',
  'struct mem_cgroup_stat_cpu',
];
/** Of an enum that had no name until 4.13. */
const MIGRATE_TYPES = [
  'MIGRATE_UNMOVABLE',
  'MIGRATE_MOVABLE',
  'MIGRATE_RECLAIMABLE',
  'MIGRATE_PCPTYPES',
  'MIGRATE_HIGHATOMIC',
  'MIGRATE_ISOLATE',
  'MIGRATE_TYPES',
];

/** arch/x86/include/asm/thread_info.h */
const TIF_BITS = { TIF_SIGPENDING: 2, TIF_NEED_RESCHED: 3, TIF_MEMDIE: 20 };

/** The text of the layout file. @throws Error if there is no gcc that knows -gbtf */
export function makeLayout(): string {
  const gfp = Object.entries(GFP_BITS_4_4).map(
    ([name, mask]) => [`___GFP_${name}_BIT`, 31 - Math.clz32(mask)] as const,
  );
  return writeLayout(compiledTypes(), {
    identity: {
      release: KERNEL_NAME_4_4.release,
      arch: 'x86_64',
      banner: bannerOf(KERNEL_NAME_4_4),
      buildId: null,
      producer: 'src/scripts/make-layout.ts',
      source:
        'synthetic: the kernel of stallcore simulate --flavour 4.4. Declarations of Linux 4.4 in ' +
        'src/scripts/linux-4.4, with the record of the kmallocwd patch v3, compiled by gcc',
    },
    names: [...USED_TYPES, ...NAMES_OF_THEN],
    enumerators: [...USED_ENUMERATORS, ...MIGRATE_TYPES],
    flags: { TIF: TIF_BITS, GFP: Object.fromEntries(gfp) },
  });
}

function compiledTypes(): TypeSource {
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-layout-'));
  try {
    const object = join(folder, 'types.o');
    const input = HEADERS.map((name) => {
      return readFileSync(new URL(`linux-4.4/${name}`, import.meta.url), 'utf8');
    }).join('');
    const options = ['-m64', '-gbtf', '-fno-eliminate-unused-debug-types', '-Werror'];
    execFileSync('gcc', [...options, '-x', 'c', '-c', '-', '-o', object], { input });
    const elf = readElf(new BytesSource(new Uint8Array(readFileSync(object))));
    const btf = readSectionByName(elf, readSections(elf), '.BTF');
    assert(btf !== undefined, 'gcc wrote no section .BTF');
    return new BtfTypes(readBtf(btf), { origin: 'src/scripts/linux-4.4' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function main([path]: readonly string[]): void {
  const shipped = new URL(`../../structs/${KERNEL_NAME_4_4.release}-x86_64.json`, import.meta.url);
  writeFileSync(path ?? shipped, makeLayout());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
