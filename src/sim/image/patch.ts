// What a version of the kmallocwd patch puts into a kernel image besides the record in each task:
// its variables and the formats of its lines. Tools find out by them which version a kernel has.

import type { KernelImage, SectionName } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { RecordFacts } from './machine-facts.ts';
import { perCpu, type PerCpuOffsets } from './variables.ts';

/** One variable of the patch. */
export interface PatchVariable {
  readonly name: string;
  readonly section: Exclude<SectionName, 'text' | 'rodata'>;
  /** In bytes. */
  readonly size: number;
  /** `static` in C. */
  readonly local: boolean;
  /** Zero unless told, here or below; of a variable of 4 or 8 bytes that is not per CPU. */
  readonly value?: bigint;
  /** Of any other variable. */
  readonly bytes?: Uint8Array;
  /** Of a per-CPU variable, by CPU. */
  readonly perCpu?: readonly Uint8Array[];
  /** Of a struct: its name and its members. */
  readonly struct?: string;
  readonly members?: RecordFacts;
}

/** A version of the patch. */
export interface Patch {
  /** What printk formats, as it is in memory: the level in front, the newline behind. */
  readonly messages: readonly string[];
  readonly variables: readonly PatchVariable[];
  /** Functions, which have to be among {@link MachineFacts.functions}. */
  readonly functions?: readonly string[];
}

/** printk's level, KERN_SOH in front of it. */
export const KERN_WARNING = '\x014';
export const KERN_INFO = '\x016';

/** Arrays and structs are aligned to 16 bytes, as compilers for x86-64 like to. */
const WIDE_ALIGN = 16;

/** v3, the version of the samples. `timeout` is kmallocwd_timeout in jiffies. */
export function kmallocwdV3(timeout: bigint): Patch {
  return {
    messages: [
      `${KERN_WARNING}MemAlloc-Info: %u stalling task, %u dying task, %u victim task.\n`,
      ' seq=%u gfp=0x%x order=%u delay=%lu',
      `${KERN_WARNING}MemAlloc: %s(%u)%s%s%s%s%s\n`,
      ' uninterruptible',
      ' exiting',
      ' dying',
      ' victim',
    ],
    variables: [
      { name: 'kmallocwd_timeout', section: 'data', size: 8, local: true, value: timeout },
      // Where the watchdog copies the record that it looks at; it never ran, so it stays zero.
      { name: 'memalloc', section: 'bss', size: 24, local: true },
    ],
  };
}

/** Gives the variables their symbols. */
export function definePatch(image: KernelImage, patch: Patch): void {
  for (const { name, section, size, local } of patch.variables) {
    image.define(name, { section, size, local, align: Math.min(size, WIDE_ALIGN) });
  }
}

/** Writes the values. */
export function writePatch(image: KernelImage, memory: KernelMemory, patch: Patch): void {
  for (const { name, size, value, bytes, struct, members } of patch.variables) {
    const address = image.symbol(name);
    if (value !== undefined) memory.writeInteger(address, value, size === 4 ? 4 : 8);
    if (bytes !== undefined) memory.write(address, bytes);
    if (struct !== undefined && members !== undefined) memory.store(struct, address, members);
  }
}

/** Writes those that every CPU has for itself. */
export function writePatchPerCpu(
  image: KernelImage,
  memory: KernelMemory,
  { patch, offsets }: { patch: Patch; offsets: PerCpuOffsets },
): void {
  for (const { name, perCpu: values = [] } of patch.variables) {
    values.forEach((bytes, cpu) => {
      const offset = offsets[cpu];
      if (offset !== undefined) memory.write(perCpu(image, offset, name), bytes);
    });
  }
}
