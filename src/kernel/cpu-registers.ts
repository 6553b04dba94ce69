// Which CPU the registers in a dump are of. The notes are in an order of their own: kdump leaves
// CPUs out that were offline or did not answer.

import { KERNEL_HALF } from '../arch/x86-64.ts';
import type { CpuRegisters } from '../target/container.ts';
import type { Vmcore } from '../target/vmcore.ts';
import type { StackRange } from '../unwind/frame.ts';

/** What is known of a CPU when its registers are looked for. */
export interface CpuPlace {
  readonly cpu: number;
  /** The stack of the task that runs there and those of the CPU. */
  readonly stacks: readonly StackRange[];
}

/** Registers that are a CPU's, and how that is known. */
export interface MatchedRegisters {
  readonly registers: CpuRegisters['registers'];
  readonly source: CpuRegisters['source'];
  readonly matchedBy: 'stack' | 'gs_base' | 'order';
}

/** Finds for each CPU its registers; a CPU whose are not in the dump is left out. */
export function matchRegisters(
  vmcore: Vmcore,
  places: readonly CpuPlace[],
): Map<number, MatchedRegisters> {
  const matched = new Map<number, MatchedRegisters>();
  for (const source of ['PRSTATUS', 'QEMU'] as const) {
    const notes = vmcore.cpuRegisters.filter((each) => each.source === source);
    matchNotes(vmcore, { notes, places, matched });
  }
  return matched;
}

interface Matching {
  readonly notes: readonly CpuRegisters[];
  readonly places: readonly CpuPlace[];
  readonly matched: Map<number, MatchedRegisters>;
}

function matchNotes(vmcore: Vmcore, { notes, places, matched }: Matching): void {
  const left = new Set(notes);
  const take = (
    note: CpuRegisters,
    cpu: number | undefined,
    matchedBy: MatchedRegisters['matchedBy'],
  ): void => {
    if (cpu === undefined) return;
    left.delete(note);
    if (matched.has(cpu)) return;
    matched.set(cpu, { registers: note.registers, source: note.source, matchedBy });
  };
  for (const note of notes) take(note, cpuOfStack(note, places), 'stack');
  for (const note of left) take(note, cpuOfGsBase(vmcore, note, places), 'gs_base');
  // Nothing is left out, so that order is that of the CPUs.
  if (notes.length !== places.length) return;
  for (const note of left) {
    const place = places[note.index];
    if (place !== undefined && note.registers.has('rip')) take(note, place.cpu, 'order');
  }
}

/** In kernel mode rsp is on a stack of its CPU or of the task that runs there. */
function cpuOfStack({ registers }: CpuRegisters, places: readonly CpuPlace[]): number | undefined {
  const rsp = registers.get('rsp');
  if (rsp === undefined || rsp < KERNEL_HALF) return undefined;
  return places.find(({ stacks }) => stacks.some(({ start, end }) => rsp > start && rsp <= end))
    ?.cpu;
}

/** gs_base is the CPU's per-CPU offset in kernel mode, and kernel_gs_base is it in user mode. */
function cpuOfGsBase(
  vmcore: Vmcore,
  { registers }: CpuRegisters,
  places: readonly CpuPlace[],
): number | undefined {
  const bases = [registers.get('gs_base'), registers.get('kernel_gs_base')];
  return places.find(({ cpu }) => {
    const offset = vmcore.perCpuOffset(cpu);
    return offset !== 0n && bases.includes(offset);
  })?.cpu;
}
