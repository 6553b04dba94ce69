// More containers from the same instant: makedumpfile filters and recompresses what it can read.
// It cannot read QEMU's ELF as it is. QEMU puts section headers between the ELF header and the
// program headers, and makedumpfile 1.7.2 wants those at byte 64, where Linux' own /proc/vmcore has
// them; and it takes the start of the direct map from p_vaddr, which QEMU leaves 0 or, with
// paging=on, fills with all that is mapped, user memory too. So it is given a copy that looks like
// /proc/vmcore:
//
//   QEMU, paging=off                 copy
//     0  Elf64_Ehdr, e_phoff 192       0  Elf64_Ehdr, e_phoff 64, no sections
//    64  section headers              64  program headers, p_vaddr = direct map + p_paddr
//   192  program headers                  (a gap)
//     …  notes, memory                  …  notes, memory, at the same offsets

import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Dump } from './manifest.ts';

const PT_LOAD = 1;
const EHDR_BYTES = 64;
const E_PHOFF = 32;
const E_SHOFF = 40;
const E_EHSIZE = 52;
const E_PHNUM = 56;
const E_SHENTSIZE = 58;
const E_SHNUM = 60;
const E_SHSTRNDX = 62;
const PHDR_BYTES = 56;
const P_VADDR = 16;
const P_PADDR = 24;
const P_MEMSZ = 40;

/** The ELF header and the program headers of an open file. */
function readHeaders(file: number): { header: Buffer; programHeaders: Buffer[] } {
  const header = Buffer.alloc(EHDR_BYTES);
  readSync(file, header, 0, EHDR_BYTES, 0);
  const start = Number(header.readBigUInt64LE(E_PHOFF));
  const count = header.readUInt16LE(E_PHNUM);
  const programHeaders = Array.from({ length: count }, (_, index) => {
    const bytes = Buffer.alloc(PHDR_BYTES);
    readSync(file, bytes, 0, PHDR_BYTES, start + index * PHDR_BYTES);
    return bytes;
  });
  return { header, programHeaders };
}

function isLoad(programHeader: Buffer): boolean {
  return programHeader.readUInt32LE(0) === PT_LOAD;
}

/**
 * Where the direct map starts, from a dump with paging=on: of all differences between virtual and
 * physical addresses, the one that holds for the most memory.
 */
function directMapStart(path: string): bigint {
  const file = openSync(path, 'r');
  const bytesByStart = new Map<bigint, bigint>();
  for (const entry of readHeaders(file).programHeaders.filter(isLoad)) {
    const start = entry.readBigUInt64LE(P_VADDR) - entry.readBigUInt64LE(P_PADDR);
    const bytes = entry.readBigUInt64LE(P_MEMSZ);
    bytesByStart.set(start, (bytesByStart.get(start) ?? 0n) + bytes);
  }
  closeSync(file);
  const [most] = [...bytesByStart].sort(([, a], [, b]) => (a < b ? 1 : -1));
  if (most === undefined) throw new Error(`${path} has no PT_LOAD`);
  return most[0];
}

/** Copies an ELF dump that was made with paging=off and gives it the headers of /proc/vmcore. */
function copyAsProcVmcore(from: string, to: string, directMap: bigint): void {
  rmSync(to, { force: true });
  copyFileSync(from, to);
  const file = openSync(to, 'r+');
  const { header, programHeaders } = readHeaders(file);
  for (const entry of programHeaders.filter(isLoad)) {
    entry.writeBigUInt64LE(directMap + entry.readBigUInt64LE(P_PADDR), P_VADDR);
  }
  header.writeBigUInt64LE(BigInt(EHDR_BYTES), E_PHOFF);
  header.writeBigUInt64LE(0n, E_SHOFF);
  header.writeUInt16LE(EHDR_BYTES, E_EHSIZE);
  for (const field of [E_SHENTSIZE, E_SHNUM, E_SHSTRNDX]) header.writeUInt16LE(0, field);
  const bytes = Buffer.concat([header, ...programHeaders]);
  writeSync(file, bytes, 0, bytes.length, 0);
  closeSync(file);
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

/** What this makedumpfile was built without; asked for it, it stores raw pages and says nothing. */
function missingCodecs(): string[] {
  const { stdout, stderr } = spawnSync('makedumpfile', ['-v'], { encoding: 'utf8' });
  return [...`${stdout}${stderr}`.matchAll(/^(\w+)\s+disabled$/gm)].map((match) => match[1] ?? '');
}

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

/** Converts the plain ELF dump of `machine` in all ways that this makedumpfile knows. */
export function convertWithMakedumpfile(
  folder: string,
  machine: string,
  say: (text: string) => void,
): Dump[] {
  const at = (file: string): string => join(folder, `${machine}.${file}`);
  const input = at('proc.elf');
  copyAsProcVmcore(at('elf'), input, directMapStart(at('paging.elf')));
  const made: Dump[] = [];
  const log = at('makedumpfile');
  const missing = missingCodecs();
  for (const { how, options } of CONVERSIONS) {
    rmSync(at(how), { force: true });
    if (missing.some((codec) => how.includes(codec))) continue;
    const flat = options.includes('-F');
    const args = [...options, input, ...(flat ? [] : [at(how)])];
    if (!makedumpfile(args, flat ? at(how) : log, say)) continue;
    made.push({ file: `${machine}.${how}`, machine });
    say(`  ${machine}.${how}`);
  }
  const parts = [1, 2, 3].map((part) => `${machine}.split-${part}.kdump`);
  for (const part of parts) rmSync(join(folder, part), { force: true });
  const split = ['--split', '-c', '-d', '31', input, ...parts.map((part) => join(folder, part))];
  if (makedumpfile(split, log, say)) {
    const [file = '', ...others] = parts;
    made.push({ file, parts: others, machine });
    say(`  ${parts.join(' ')}`);
  }
  rmSync(input);
  return made;
}
