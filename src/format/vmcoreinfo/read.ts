// VMCOREINFO: what the kernel says of itself to tools that read its memory. One page of text that
// the kernel fills at boot (kernel/vmcore_info.c; until 6.9 kernel/crash_core.c), lines of
//
//   OSRELEASE=6.1.0-56-cloud-amd64
//   SYMBOL(_stext)=ffffffff97400000       hex without 0x
//   SIZE(page)=64                         bytes
//   OFFSET(page.flags)=0                  bytes
//   LENGTH(zone.free_area)=11             elements
//   NUMBER(phys_base)=-253755392          decimal
//   KERNELOFFSET=16400000                 hex without 0x
//   CONFIG_X86_PAE=y
//
// The same text stands in the ELF note VMCOREINFO, in the kdump sub header, and twice in memory.

import { vaddr, type Vaddr } from '../../util/address.ts';
import { latin1 } from '../../util/byte-reader.ts';
import { FormatError } from '../../util/errors.ts';

/** Text that is longer is cut: VMCOREINFO_BYTES is one page, of 64 KiB at most. */
export const VMCOREINFO_SIZE_MAX = 64 << 10;

/** A build ID as VMCOREINFO gives it, which some releases give wrong. */
export interface VmcoreinfoBuildId {
  /** 40 lower-case hex digits (SHA-1), or 32 (MD5, UUID). */
  readonly hex: string;
  /** Why it must not be used to match a kernel; undefined if it may. */
  readonly unreliable: string | undefined;
}

/** One VMCOREINFO text. Getters return undefined for a key that is absent or has no such value. */
export class Vmcoreinfo {
  /** Every `KEY=value` line in order, the first one where a key comes twice. */
  readonly entries: ReadonlyMap<string, string>;
  /** Lines that are not `KEY=value`; a kernel writes none. */
  readonly unknownLines: readonly string[];

  constructor(entries: ReadonlyMap<string, string>, unknownLines: readonly string[]) {
    this.entries = entries;
    this.unknownLines = unknownLines;
  }

  /** `OSRELEASE`, what `uname -r` says. */
  get osrelease(): string | undefined {
    return this.entries.get('OSRELEASE');
  }

  /** `PAGESIZE` in bytes. */
  get pageSize(): number | undefined {
    return safeDecimal(this.entries.get('PAGESIZE'));
  }

  /** `CRASHTIME` in seconds since 1970; only a kernel that panicked writes it. */
  get crashTime(): number | undefined {
    return safeDecimal(this.entries.get('CRASHTIME'));
  }

  /** `KERNELOFFSET`: by how much KASLR moved the kernel image, in bytes. */
  get kernelOffset(): bigint | undefined {
    return hexNumber(this.entries.get('KERNELOFFSET'));
  }

  /** `BUILD-ID`, since kernel 5.9 (0935288c6e00). */
  get buildId(): VmcoreinfoBuildId | undefined {
    const hex = this.entries.get('BUILD-ID');
    if (hex === undefined) return undefined;
    return { hex, unreliable: unreliableBuildId(hex) };
  }

  /** `SYMBOL(name)`: its virtual address, KASLR included. */
  symbol(name: string): Vaddr | undefined {
    const value = hexNumber(this.entries.get(`SYMBOL(${name})`));
    return value === undefined ? undefined : vaddr(value);
  }

  /** Every symbol that is named. */
  *symbols(): Generator<{ name: string; address: Vaddr }> {
    for (const key of this.entries.keys()) {
      const name = /^SYMBOL\((.*)\)$/.exec(key)?.[1];
      const address = name === undefined ? undefined : this.symbol(name);
      if (name !== undefined && address !== undefined) yield { name, address };
    }
  }

  /** `NUMBER(name)`, of any size and sign: `phys_base` may be negative, `sme_mask` is bit 47. */
  number(name: string): bigint | undefined {
    return integer(this.entries.get(`NUMBER(${name})`));
  }

  /** `LENGTH(name)`: the elements of an array. */
  length(name: string): number | undefined {
    return safeDecimal(this.entries.get(`LENGTH(${name})`));
  }

  /** `SIZE(name)`: the bytes of a struct. */
  size(name: string): number | undefined {
    return safeDecimal(this.entries.get(`SIZE(${name})`));
  }

  /** `OFFSET(struct.member)` in bytes. */
  offset(member: string): number | undefined {
    return safeDecimal(this.entries.get(`OFFSET(${member})`));
  }

  /** `CONFIG_name`: `y` where the kernel says it. */
  config(name: string): string | undefined {
    return this.entries.get(`CONFIG_${name}`);
  }
}

/**
 * VMCOREINFO from its text, which ends at the first NUL.
 *
 * @throws FormatError if there is neither `OSRELEASE`, the first line since the format exists, nor
 *   any symbol
 */
export function readVmcoreinfo(bytes: Uint8Array): Vmcoreinfo {
  const nul = bytes.subarray(0, VMCOREINFO_SIZE_MAX).indexOf(0);
  const end = nul < 0 ? Math.min(bytes.length, VMCOREINFO_SIZE_MAX) : nul;
  const entries = new Map<string, string>();
  const unknownLines: string[] = [];
  for (const line of latin1(bytes.subarray(0, end)).split('\n')) {
    const equals = line.indexOf('=');
    if (line === '') continue;
    if (equals <= 0) unknownLines.push(line);
    else if (!entries.has(line.slice(0, equals))) {
      entries.set(line.slice(0, equals), line.slice(equals + 1));
    }
  }
  const isOne = (key: string): boolean => key === 'OSRELEASE' || key.startsWith('SYMBOL(');
  if (![...entries.keys()].some(isOne)) {
    throw new FormatError({ section: 'VMCOREINFO' }, `expected OSRELEASE, have ${end} other bytes`);
  }
  return new Vmcoreinfo(entries, unknownLines);
}

function unreliableBuildId(hex: string): string | undefined {
  if (!/^(?:[0-9a-f]{32}|[0-9a-f]{40})$/.test(hex)) {
    return `expected 40 hex digits, have ${JSON.stringify(hex.slice(0, 80))}`;
  }
  if (/^(?:00)+$|^(?:ff)+$/.test(hex)) return 'all its bytes are the same';
  return undefined;
}

function integer(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^-?(?:\d{1,20}|0x[0-9a-f]{1,16})$/i.test(text)) return undefined;
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}

function hexNumber(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[0-9a-f]{1,16}$/i.test(text)) return undefined;
  return BigInt(`0x${text}`);
}

function safeDecimal(text: string | undefined): number | undefined {
  const value = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}
