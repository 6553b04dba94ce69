// Where kernel stacks lie: that of a task, and those of a CPU for interrupts and exceptions
// (arch/x86/include/asm/{page_64_types,cpu_entry_area}.h, arch/x86/kernel/irq_64.c).

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import type { StackRange } from '../unwind/frame.ts';
import { vaddr, type Vaddr } from '../util/address.ts';

/** THREAD_SIZE of every kernel since 3.15 that is not built with KASAN. */
const THREAD_SIZE = 16 << 10;
/** IRQ_STACK_SIZE; twice as large with KASAN. */
const IRQ_STACK_SIZE = 16 << 10;
const PAGE_SIZE = 4096n;
/** EXCEPTION_STKSZ before they had a struct of their own (5.1). */
const EXCEPTION_STACK_SIZE = 4096;

/**
 * Size of a task's kernel stack in bytes, read off that of init_task. 6.10 gave it names of its
 * own (commit 5d40ccc9ad1f's __start_init_stack); before, the linker's init section had them.
 */
export function threadSize({ symbols }: Pick<Vmcore, 'symbols'>): number {
  for (const name of ['init_stack', 'init_task']) {
    const start = symbols.lookup(`__start_${name}`);
    const end = symbols.lookup(`__end_${name}`);
    if (start === undefined || end === undefined) continue;
    const size = Number(end - start);
    if (isStackSize(size)) return size;
  }
  const union = symbols.lookup('init_thread_union');
  const size = union === undefined ? 0 : (symbols.symbolAt(union)?.size ?? 0);
  return isStackSize(size) ? size : THREAD_SIZE;
}

/** A power of two of pages, up to 64 KiB. */
function isStackSize(size: number): boolean {
  return size >= 8 << 10 && size <= 64 << 10 && (size & (size - 1)) === 0;
}

/** The stacks that a CPU has for itself, as far as they can be found. */
export function cpuStacks(vmcore: Vmcore, cpu: number): StackRange[] {
  return [...irqStacks(vmcore, cpu), ...exceptionStacks(vmcore, cpu)];
}

/**
 * hardirq_stack_ptr is in pcpu_hot from 6.2 to 6.14 and a variable of its own before and since; it
 * was irq_stack_ptr before 5.9. It points just below the end of the stack.
 */
function irqStacks(vmcore: Vmcore, cpu: number): StackRange[] {
  const { symbols, problems } = vmcore;
  return (
    problems.attempt(`IRQ stack of CPU ${cpu}`, () => {
      const name = ['hardirq_stack_ptr', 'irq_stack_ptr'].find(
        (each) => symbols.lookup(each) !== undefined,
      );
      const hot = symbols.lookup('pcpu_hot') === undefined ? undefined : perCpuHot(vmcore, cpu);
      const pointer =
        name !== undefined
          ? perCpuPointer(vmcore, name, cpu)
          : hot?.has('hardirq_stack_ptr')
            ? hot.member('hardirq_stack_ptr').pointer()
            : vaddr(0n);
      if (pointer === 0n) return [];
      const end = vaddr((pointer + PAGE_SIZE - 1n) & -PAGE_SIZE);
      return [{ name: 'IRQ', start: vaddr(end - BigInt(IRQ_STACK_SIZE)), end }];
    }) ?? []
  );
}

function perCpuHot(vmcore: Vmcore, cpu: number): Ref {
  return vmcore.perCpu('pcpu_hot', cpu);
}

/** The members of struct cea_exception_stacks, named as Intel's manual names the exceptions. */
const EXCEPTIONS: readonly [member: string, name: string][] = [
  ['DF_stack', '#DF'],
  ['NMI_stack', 'NMI'],
  ['DB_stack', '#DB'],
  ['MCE_stack', '#MC'],
  ['VC_stack', '#VC'],
  ['VC2_stack', '#VC2'],
];

/** In the CPU's entry area since 5.1; before, orig_ist has their ends. */
function exceptionStacks(vmcore: Vmcore, cpu: number): StackRange[] {
  const { symbols, problems, types } = vmcore;
  const subject = `exception stacks of CPU ${cpu}`;
  const read = (): StackRange[] => {
    if (symbols.lookup('cea_exception_stacks') !== undefined) {
      if (types.find('struct', 'cea_exception_stacks') === undefined) return [];
      const address = perCpuPointer(vmcore, 'cea_exception_stacks', cpu);
      return address === 0n ? [] : inEntryArea(vmcore.object('cea_exception_stacks', address));
    }
    if (symbols.lookup('orig_ist') === undefined) return [];
    const ends = [0, 1, 2, 3].map((i) => perCpuPointer(vmcore, 'orig_ist', cpu, i * 8));
    return ends
      .filter((end) => end !== 0n)
      .map((end) => ({ name: 'IST', start: vaddr(end - BigInt(EXCEPTION_STACK_SIZE)), end }));
  };
  return problems.attempt(subject, read) ?? [];
}

function inEntryArea(stacks: Ref): StackRange[] {
  return EXCEPTIONS.filter(([member]) => stacks.has(member)).map(([member, name]) => {
    const { address, type } = stacks.member(member);
    const size = type.kind === 'array' ? type.count : 0;
    return { name, start: address, end: vaddr(address + BigInt(size)) };
  });
}

/** A pointer that each CPU has for itself. */
function perCpuPointer(vmcore: Vmcore, name: string, cpu: number, offset = 0): Vaddr {
  const address = vaddr(vmcore.symbol(name) + vmcore.perCpuOffset(cpu) + BigInt(offset));
  const bytes = vmcore.readBytes(address, 8, 'per-CPU data');
  return vaddr(new DataView(bytes.buffer).getBigUint64(0, true));
}
