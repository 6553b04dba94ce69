// Counters of the memory management (mm/vmstat.c, include/linux/vmstat.h).
//
// A page counter is kept twice: vm_stat[] of the zone or node has what was folded in, and each CPU
// has a difference of up to stat_threshold either way in vm_stat_diff[], which vmstat_update() of
// its kworker folds in about once a second. Where that kworker gets no turn, vm_stat is stale and
// the allocator decides by a number that is wrong.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { sizeOf, type CType } from '../types/ctype.ts';
import { vaddr, type Vaddr } from '../util/address.ts';
import { InvalidError } from '../util/errors.ts';
import { cpuSets } from './percpu.ts';

/** One counter; {@link value} is what the pages are, {@link stored} what most code goes by. */
export interface PageCounter {
  /** `stored` and what CPUs have not folded in. Not clamped to 0, as the kernel does on reading. */
  readonly value: number;
  /** vm_stat[item]. */
  readonly stored: number;
  /** Sum of vm_stat_diff[item] over the online CPUs. */
  readonly cpuDiff: number;
}

/** Counters by the name of their enumerator: `NR_FREE_PAGES`. */
export type PageCounters = Readonly<Record<string, PageCounter>>;

/** Counters of one zone or node, and the CPUs whose share could not be read. */
export interface CounterSet {
  readonly counters: PageCounters;
  readonly unreadCpus: readonly number[];
  /** The differences of one item, of the CPUs that have any. */
  readonly diffsOf: (name: string) => readonly CpuDiff[];
}

/** What a CPU has not folded in. */
export interface CpuDiff {
  readonly cpu: number;
  readonly diff: number;
}

/** More than any enum of counters has; the types may be damaged. */
const ITEMS_MAX = 1024;

/** An item and its index. */
export type CounterItem = readonly [name: string, index: number];

/**
 * The enumerators of an enum of counters by index, without those that only count them
 * (NR_VM_ZONE_STAT_ITEMS) or stand for the first of several (NR_LRU_BASE).
 */
export function counterItems(vmcore: Vmcore, enumName: string): CounterItem[] {
  const type = vmcore.types.find('enum', enumName);
  if (type?.kind !== 'enum') return [];
  return [...type.values]
    .map(([name, value]): CounterItem => [name, Number(value)])
    .filter(([name, index]) => !/_(ITEMS|BASE)$/.test(name) && index >= 0 && index < ITEMS_MAX);
}

/** Where counters lie. */
export interface CounterPlaces {
  /** What is read, for problems: `zone DMA32`. */
  readonly subject: string;
  readonly items: readonly CounterItem[];
  /** `atomic_long_t vm_stat[]` */
  readonly stored: Ref;
  /** The CPU's `s8 vm_stat_diff[]`; undefined where this kernel has none. */
  readonly diffs: ((cpu: number) => Ref | undefined) | undefined;
}

/** Reads the counters of a zone or node; undefined, and a problem, where vm_stat cannot be read. */
export function readCounters(
  vmcore: Vmcore,
  cpus: readonly number[],
  { subject, items, stored, diffs }: CounterPlaces,
): CounterSet | undefined {
  const folded = vmcore.problems.attempt(subject, () => integers(stored));
  if (folded === undefined) return undefined;
  const unreadCpus: number[] = [];
  const byCpu: { readonly cpu: number; readonly values: readonly number[] }[] = [];
  for (const cpu of diffs === undefined ? [] : cpus) {
    const values = vmcore.problems.attempt(`${subject} of CPU ${cpu}`, () => {
      const place = diffs?.(cpu);
      return place === undefined ? [] : integers(place);
    });
    if (values === undefined) unreadCpus.push(cpu);
    else byCpu.push({ cpu, values });
  }
  const counters = items.flatMap(([name, index]): [string, PageCounter][] => {
    const value = folded[index];
    if (value === undefined) return [];
    const cpuDiff = byCpu.reduce((sum, { values }) => sum + (values[index] ?? 0), 0);
    return [[name, { value: value + cpuDiff, stored: value, cpuDiff }]];
  });
  const indices = new Map(items);
  return {
    counters: Object.fromEntries(counters),
    unreadCpus,
    diffsOf: (name) =>
      byCpu.flatMap(({ cpu, values }) => {
        const diff = values[indices.get(name) ?? -1] ?? 0;
        return diff === 0 ? [] : [{ cpu, diff }];
      }),
  };
}

/**
 * vm_event_states summed over all CPUs, by the names of enum vm_event_item; undefined where the
 * kernel was built without CONFIG_VM_EVENT_COUNTERS. Nobody else sums them: they only grow.
 */
export function readVmEvents(vmcore: Vmcore): Readonly<Record<string, number>> | undefined {
  const { problems } = vmcore;
  if (vmcore.symbols.lookup('vm_event_states') === undefined) return undefined;
  const items = counterItems(vmcore, 'vm_event_item').filter(([name]) => name !== 'NR_VM_EVENT');
  if (items.length === 0) return undefined;
  const sums = new Map<string, number>();
  // A CPU that goes offline hands its events over (vm_events_fold_cpu()), so all may be summed.
  for (const cpu of cpuSets(vmcore).possible) {
    const values = problems.attempt(`vm_event_states of CPU ${cpu}`, () =>
      integers(vmcore.perCpu('vm_event_states', cpu).member('event')),
    );
    if (values === undefined) return undefined;
    for (const [name, index] of items) {
      sums.set(name, (sums.get(name) ?? 0) + (values[index] ?? 0));
    }
  }
  return Object.fromEntries(sums);
}

/** CPUs whose differences count: an offline one has none. */
export function countingCpus(vmcore: Vmcore): readonly number[] {
  const { online, possible } = cpuSets(vmcore);
  return online.length > 0 ? online : possible;
}

/** One CPU's copy of what a `__percpu` pointer stands for. */
export function perCpuPointee(vmcore: Vmcore, pointer: Ref, cpu: number): Ref | undefined {
  const base = pointer.pointer();
  if (base === 0n || pointer.type.kind !== 'pointer') return undefined;
  const address: Vaddr = vaddr(base + vmcore.perCpuOffset(cpu));
  return pointer.as(pointer.type.target).moved(address);
}

/** All elements of an array of integers or of atomic ones, in one read. */
function integers(array: Ref): number[] {
  const { type } = array;
  if (type.kind !== 'array' || type.count > ITEMS_MAX) {
    throw new InvalidError(`counters: expected an array of at most ${ITEMS_MAX}`);
  }
  const size = sizeOf(type.element);
  const bytes = array.bytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: type.count }, (_, i) => {
    return integerAt(view, i * size, { size, signed: isSigned(type.element) });
  });
}

function integerAt(
  view: DataView,
  at: number,
  { size, signed }: { size: number; signed: boolean },
): number {
  switch (size) {
    case 8:
      return Number(signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true));
    case 4:
      return signed ? view.getInt32(at, true) : view.getUint32(at, true);
    case 2:
      return signed ? view.getInt16(at, true) : view.getUint16(at, true);
    case 1:
      return signed ? view.getInt8(at) : view.getUint8(at);
    default:
      throw new InvalidError(`counters: expected integers, have ${size} bytes each`);
  }
}

/** Atomic types are structs of one signed counter. */
function isSigned(type: CType): boolean {
  return type.kind === 'struct' || (type.kind === 'int' && type.signed);
}

/** An integer, or the counter of an atomic_t, atomic_long_t or refcount_t: kernels change them. */
export function countOf(ref: Ref): number {
  if (ref.has('refs')) return countOf(ref.member('refs'));
  return Number((ref.has('counter') ? ref.member('counter') : ref).integer());
}
