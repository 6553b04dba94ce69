// Works that are to be queued later: struct delayed_work, whose timer waits in the timer wheel of a
// CPU (kernel/time/timer.c, kernel/workqueue.c). vmstat_shepherd() is one on every machine.
//
// The wheel of Linux 4.8 and later: timer_bases[] of each CPU, each with vectors[] of timers. The
// one before it (tvec_bases) is not read.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex, type Vaddr } from '../util/address.ts';
import { optional } from '../util/optional.ts';
import { hlistEntries } from './list.ts';
import { cpuSets } from './percpu.ts';

/** A work whose time has not come, or whose timer did not fire. */
export interface DelayedWork {
  /** `struct delayed_work *` */
  readonly address: string;
  /** Symbol of its function. */
  readonly func: string;
  readonly wq?: string;
  /** The CPU in whose wheel it waits. */
  readonly cpu: number;
  /** Jiffies until it is queued; negative where it should have been. */
  readonly inJiffies?: number;
}

/** How an address of the kernel is called. */
export interface DelayedWorkNames {
  readonly functionAt: (address: Vaddr) => string;
  readonly workqueueAt: (address: Vaddr) => string | undefined;
  readonly jiffies: bigint | undefined;
}

/** NR_BASES is at most 3, WHEEL_SIZE at most 9 levels of 64. */
const BASES_MAX = 3;
const VECTORS_MAX = 9 * 64;
/** A machine has thousands of timers; a list that is damaged may have any number. */
const TIMERS_MAX = 1 << 20;
const POINTER_SIZE = 8;

/** Reads the timer wheels; undefined where this kernel has another one. */
export function readDelayedWorks(
  vmcore: Vmcore,
  names: DelayedWorkNames,
): DelayedWork[] | undefined {
  const { problems, symbols, types } = vmcore;
  const fire = symbols.lookup('delayed_work_timer_fn');
  const type = types.find('struct', 'timer_base');
  if (fire === undefined || type === undefined || symbols.lookup('timer_bases') === undefined) {
    return undefined;
  }
  const walk: Walk = { vmcore, names, fire, seen: new Set() };
  return cpuSets(vmcore).possible.flatMap((cpu) => {
    const subject = `timer_bases of CPU ${cpu}`;
    const works = problems.attempt(subject, () => {
      const bases = vmcore.perCpu('timer_bases', cpu);
      return Array.from({ length: baseCount(bases) }, (_, i) =>
        worksOf(walk, bases.at(i), { cpu, subject }),
      ).flat();
    });
    return works ?? [];
  });
}

/** NR_BASES where the types describe per-CPU variables; else the first, of ordinary timers. */
function baseCount({ type }: Ref): number {
  const count = type.kind === 'array' ? type.count : 0;
  return count > 0 && count <= BASES_MAX ? count : 1;
}

interface Walk {
  readonly vmcore: Vmcore;
  readonly names: DelayedWorkNames;
  readonly fire: Vaddr;
  /** A timer is on one list. */
  readonly seen: Set<bigint>;
}

interface WheelPlace {
  readonly cpu: number;
  readonly subject: string;
}

function worksOf(walk: Walk, base: Ref, { cpu, subject }: WheelPlace): DelayedWork[] {
  const { vmcore, seen } = walk;
  const { problems } = vmcore;
  const type = vmcore.struct('timer_list');
  const vectors = base.member('vectors');
  const count = vectors.type.kind === 'array' ? Math.min(vectors.type.count, VECTORS_MAX) : 0;
  // Most are empty: they are looked at in one go.
  const heads = vectors.bytes(count * POINTER_SIZE);
  const view = new DataView(heads.buffer, heads.byteOffset, heads.byteLength);
  const works: DelayedWork[] = [];
  for (let i = 0; i < count; i++) {
    if (view.getBigUint64(i * POINTER_SIZE, true) === 0n) continue;
    const options = { problems, subject, seen, entriesMax: TIMERS_MAX };
    for (const timer of hlistEntries(vectors.at(i), { type, member: 'entry' }, options)) {
      const work = problems.attempt(subject, () => workOf(walk, timer, cpu));
      if (work !== undefined) works.push(work);
    }
  }
  return works;
}

function workOf({ vmcore, names, fire }: Walk, timer: Ref, cpu: number): DelayedWork | undefined {
  if (timer.member('function').pointer() !== fire) return undefined;
  const work = timer.containerOf(vmcore.struct('delayed_work'), 'timer');
  const expires = timer.member('expires').integer();
  const { jiffies } = names;
  const inJiffies = jiffies === undefined ? undefined : BigInt.asIntN(64, expires - jiffies);
  return {
    address: hex(work.address),
    func: names.functionAt(work.member('work.func').pointer()),
    ...optional('wq', names.workqueueAt(work.member('wq').pointer())),
    cpu,
    ...optional('inJiffies', inJiffies === undefined ? undefined : Number(inJiffies)),
  };
}
