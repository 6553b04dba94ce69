// More containers from the same instant: makedumpfile filters and recompresses what it can read.
// It cannot read QEMU's ELF as it is: QEMU puts section headers between the ELF header and the
// program headers, and makedumpfile 1.7.2 wants the program headers at byte 64, where Linux' own
// /proc/vmcore has them. So it is given a copy whose program headers are moved there.
//
//   QEMU                             copy
//     0  Elf64_Ehdr, e_phoff 192       0  Elf64_Ehdr, e_phoff 64, no sections
//    64  section headers              64  program headers
//   192  program headers                  (a gap)
//     …  notes, memory                  …  notes, memory, at the same offsets

import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Dump } from './manifest.ts';

const EHDR_BYTES = 64;
const PHDR_BYTES = 56;
const E_PHOFF = 32;
const E_SHOFF = 40;
const E_EHSIZE = 52;
const E_PHNUM = 56;
const E_SHENTSIZE = 58;
const E_SHNUM = 60;
const E_SHSTRNDX = 62;

/** Copies QEMU's ELF and moves its program headers behind the ELF header. */
function moveProgramHeaders(from: string, to: string): void {
  copyFileSync(from, to);
  const file = openSync(to, 'r+');
  try {
    const header = Buffer.alloc(EHDR_BYTES);
    readSync(file, header, 0, EHDR_BYTES, 0);
    const table = Buffer.alloc(header.readUInt16LE(E_PHNUM) * PHDR_BYTES);
    readSync(file, table, 0, table.length, Number(header.readBigUInt64LE(E_PHOFF)));
    header.writeBigUInt64LE(BigInt(EHDR_BYTES), E_PHOFF);
    header.writeBigUInt64LE(0n, E_SHOFF);
    header.writeUInt16LE(EHDR_BYTES, E_EHSIZE);
    for (const field of [E_SHENTSIZE, E_SHNUM, E_SHSTRNDX]) header.writeUInt16LE(0, field);
    writeSync(file, header, 0, header.length, 0);
    writeSync(file, table, 0, table.length, EHDR_BYTES);
  } finally {
    closeSync(file);
  }
}

/** What makedumpfile is asked for; a flattened file comes from its standard output. */
const CONVERSIONS: readonly { readonly how: string; readonly options: readonly string[] }[] = [
  { how: 'd31-zlib.kdump', options: ['-c', '-d', '31'] },
  { how: 'd31-lzo.kdump', options: ['-l', '-d', '31'] },
  { how: 'd31-snappy.kdump', options: ['-p', '-d', '31'] },
  { how: 'd31-zstd.kdump', options: ['-z', '-d', '31'] },
  { how: 'd1-raw.kdump', options: ['-d', '1'] },
  { how: 'd31.elf', options: ['-E', '-d', '31'] },
  { how: 'd31.flat', options: ['-F', '-c', '-d', '31'] },
];

/** Runs makedumpfile; false, with what it said, where it cannot or was built without the codec. */
function makedumpfile(args: string[], output: string, say: (text: string) => void): boolean {
  const file = openSync(output, 'w');
  try {
    const { status, stderr, error } = spawnSync('makedumpfile', args, {
      stdio: ['ignore', file, 'pipe'],
      encoding: 'utf8',
      timeout: 120_000,
    });
    if (status === 0) return true;
    const why = error?.message ?? stderr.trim().split('\n').at(-1) ?? '';
    say(`  makedumpfile ${args.slice(0, 3).join(' ')}: ${why}`);
    return false;
  } finally {
    closeSync(file);
  }
}

/** Converts the ELF dump of the first machine in all ways that this makedumpfile knows. */
export function convertWithMakedumpfile(
  folder: string,
  dumps: readonly Dump[],
  say: (text: string) => void,
): Dump[] {
  const source = dumps.find(({ file }) => file.endsWith('.paging.elf'));
  if (source === undefined) return [];
  const { machine } = source;
  const input = join(folder, `${machine}.moved.elf`);
  moveProgramHeaders(join(folder, source.file), input);
  const made: Dump[] = [];
  for (const { how, options } of CONVERSIONS) {
    const file = `${machine}.${how}`;
    const path = join(folder, file);
    rmSync(path, { force: true });
    const flat = options.includes('-F');
    const args = [...options, input, ...(flat ? [] : [path])];
    if (!makedumpfile(args, flat ? path : join(folder, 'makedumpfile.out'), say)) continue;
    made.push({ file, machine, raw: false });
    say(`  ${file}`);
  }
  return made;
}
