// The OOM killer at the instant of the dump (mm/oom_kill.c): whom it has chosen, whether their
// memory was taken or still waits for them, and whether it can choose again.
//
//   signal->oom_mm (v4.9)     the memory that is to come free; stays until the process is gone
//   TIF_MEMDIE                the thread that may use reserves
//   MMF_OOM_SKIP              of that memory nothing more is expected: others may be chosen
//   oom_reaper_list (v4.6)    whose memory the OOM reaper is to take, task->oom_reaper_list on
//   oom_lock (v4.2)           nobody is chosen but by who has it

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { byteOffsetOf, findMember } from '../types/ctype.ts';
import {
  MMF_OOM_REAP_QUEUED,
  MMF_OOM_SKIP,
  type FoundConstant,
  type InstructionProbe,
} from '../types/kernel-constants.ts';
import { hex, vaddr, type Vaddr } from '../util/address.ts';
import { optional } from '../util/optional.ts';
import { findFlagBit } from './flag-bits.ts';
import { PID_MAX_LIMIT } from './list.ts';
import { readMemcgOoms, type MemcgOoms } from './memcg-oom.ts';
import { isExiting } from './task-flags.ts';
import type { Task } from './task.ts';
import { threadFlagBits } from './thread-info.ts';
import { countOf, readVmEvents } from './vmstat.ts';

/** A task, in what identifies it; one that no list leads to has its address alone. */
export type OomTask = Pick<Task, 'address' | 'pid' | 'tgid' | 'comm' | 'state'>;

/** A thread of a victim. */
export interface OomThread extends OomTask {
  /** It has TIF_MEMDIE. */
  readonly memdie?: boolean;
  readonly exiting?: boolean;
  /** It has the victim's memory still; else it has got past exit_mm(). */
  readonly hasMm?: boolean;
}

/** A process that the OOM killer has chosen. */
export interface OomVictim {
  /** What it is known by. */
  readonly source: 'signal->oom_mm' | 'TIF_MEMDIE';
  /** Threads that are on the task list, the leader first where it is among them. */
  readonly threads: readonly OomThread[];
  /** `struct mm_struct *` of the memory that is to come free. */
  readonly mm?: string;
  /** mm->flags, whose bits are {@link OomState.bits}. */
  readonly mmFlags?: string;
  /** Nothing more is expected of it: it was reaped, or has exited, or cannot be reaped. */
  readonly skip?: boolean;
  /** It was handed to the OOM reaper, which in newer kernels gives it two seconds to exit. */
  readonly reapQueued?: boolean;
  /** It waits on oom_reaper_list. */
  readonly onReaperList?: boolean;
  /** mm->mm_users: the memory stays while others have it, even if the victim is gone. */
  readonly mmUsers?: number;
  /** Tasks of other processes with the same memory. */
  readonly sharers: readonly OomTask[];
}

/** Who has oom_lock. */
export interface OomLock {
  /** `struct mutex *` */
  readonly address: string;
  /** Absent where this kernel does not keep the owner. */
  readonly isHeld?: boolean;
  readonly owner?: OomTask;
}

/** Whatever there is of it; what this kernel lacks or the dump does not tell is absent. */
export interface OomState extends MemcgOoms {
  readonly type: 'oom';
  readonly victims: readonly OomVictim[];
  /** oom_victims: threads with TIF_MEMDIE that have not exited. */
  readonly victimCount?: number;
  /** While the machine is put to sleep nobody is killed, and requests fail. */
  readonly killerDisabled?: boolean;
  readonly lock?: OomLock;
  /** The thread that reaps (v4.6). */
  readonly reaper?: OomTask;
  /** Whom it has still to reap, the next one first. */
  readonly reaperList?: readonly OomTask[];
  /** OOM_KILL of vm_event_states: how many were killed since boot (v4.13). */
  readonly killCount?: number;
  /** The bits that were used, and how each was found. */
  readonly bits: readonly FoundConstant[];
}

/** Reads the state of the OOM killer; what cannot be read is a problem and absent. */
export function readOomState(vmcore: Vmcore, tasks: readonly Task[]): OomState {
  const reader = new OomReader(vmcore, tasks);
  const reaper = tasks.find(({ kthread, comm }) => kthread === true && comm === 'oom_reaper');
  const reaperList = reader.reaperList();
  return {
    type: 'oom',
    victims: reader.victims(new Set(reaperList?.map(({ address }) => address))),
    ...optional('victimCount', reader.global('oom_victims')),
    ...optional('killerDisabled', isTrue(reader.global('oom_killer_disabled'))),
    ...optional('lock', reader.lock()),
    ...optional('reaper', reaper === undefined ? undefined : oomTask(reaper)),
    ...optional('reaperList', reaperList),
    ...optional('killCount', readVmEvents(vmcore)?.OOM_KILL),
    ...readMemcgOoms(vmcore, tasks),
    bits: reader.bits(),
  };
}

class OomReader {
  readonly #vmcore: Vmcore;
  readonly #tasks: readonly Task[];
  readonly #byAddress: ReadonlyMap<string, Task>;
  readonly #memdie: FoundConstant | undefined;
  readonly #skip: FoundConstant | undefined;
  readonly #reapQueued: FoundConstant | undefined;

  constructor(vmcore: Vmcore, tasks: readonly Task[]) {
    this.#vmcore = vmcore;
    this.#tasks = tasks;
    this.#byAddress = new Map(tasks.map((task) => [task.address, task]));
    this.#memdie = threadFlagBits(vmcore).memdie;
    this.#skip = this.#mmFlag(MMF_OOM_SKIP);
    this.#reapQueued = this.#mmFlag(MMF_OOM_REAP_QUEUED);
  }

  bits(): FoundConstant[] {
    return [this.#memdie, this.#skip, this.#reapQueued].filter((bit) => bit !== undefined);
  }

  #mmFlag(wanted: InstructionProbe): FoundConstant | undefined {
    const type = this.#vmcore.types.find('struct', 'mm_struct');
    const place = type?.kind === 'struct' ? findMember(type, 'flags') : undefined;
    if (place === undefined) return undefined;
    return this.#vmcore.problems.attempt(wanted.name, () =>
      findFlagBit(this.#vmcore, wanted, byteOffsetOf(place)),
    );
  }

  /** A counter or a bool; undefined where this kernel has no such variable. */
  global(name: string): number | undefined {
    if (this.#vmcore.symbols.lookup(name) === undefined) return undefined;
    return this.#vmcore.problems.attempt(name, () => countOf(this.#vmcore.global(name)));
  }

  lock(): OomLock | undefined {
    if (this.#vmcore.symbols.lookup('oom_lock') === undefined) return undefined;
    return this.#vmcore.problems.attempt('oom_lock', () => {
      const mutex = this.#vmcore.global('oom_lock');
      const owner = mutexOwner(mutex);
      return {
        address: hex(mutex.address),
        ...optional('isHeld', owner === undefined ? undefined : owner !== 0n),
        ...optional('owner', owner ? this.#taskAt(owner) : undefined),
      };
    });
  }

  /** The list is linked through the tasks and ends with NULL. */
  reaperList(): OomTask[] | undefined {
    const subject = 'oom_reaper_list';
    const { problems, symbols } = this.#vmcore;
    if (symbols.lookup(subject) === undefined) return undefined;
    return problems.attempt(subject, () => {
      const seen = new Set<Vaddr>();
      let task = this.#vmcore.global(subject).deref();
      while (task.address !== 0n) {
        if (seen.has(task.address) || seen.size >= PID_MAX_LIMIT) {
          problems.addMessage(subject, `the list comes back to task ${hex(task.address)}`);
          break;
        }
        // Read before the task counts: a pointer into nowhere is none.
        const current: Ref = task;
        const next = problems.attempt(subject, () => current.member(subject).deref());
        if (next === undefined) break;
        seen.add(task.address);
        task = next;
      }
      return Array.from(seen, (address) => this.#taskAt(address));
    });
  }

  /** Processes by their signal_struct, which the threads share. */
  victims(onReaperList: ReadonlySet<string>): OomVictim[] {
    const processes = new Map<string, Task[]>();
    for (const task of this.#tasks) {
      const key = task.signal === undefined || task.signal === '0x0' ? task.address : task.signal;
      const threads = processes.get(key);
      if (threads === undefined) processes.set(key, [task]);
      else threads.push(task);
    }
    return [...processes.values()].flatMap((threads) => this.#victim(threads, onReaperList) ?? []);
  }

  #victim(threads: readonly Task[], onReaperList: ReadonlySet<string>): OomVictim | undefined {
    const oomMm = pointer(threads.find((task) => pointer(task.oomMm) !== undefined)?.oomMm);
    if (oomMm === undefined && !threads.some((task) => this.#isMemdie(task) === true)) {
      return undefined;
    }
    const mm = oomMm ?? pointer(threads.find((task) => pointer(task.mm) !== undefined)?.mm);
    const own = new Set(threads);
    return {
      source: oomMm === undefined ? 'TIF_MEMDIE' : 'signal->oom_mm',
      threads: threads.map((task) => ({
        ...oomTask(task),
        ...optional('memdie', this.#isMemdie(task)),
        ...optional('exiting', isExiting(task)),
        ...optional('hasMm', task.mm === undefined ? undefined : pointer(task.mm) !== undefined),
      })),
      ...(mm === undefined ? {} : this.#memory(mm)),
      ...optional(
        'onReaperList',
        this.#vmcore.symbols.lookup('oom_reaper_list') === undefined
          ? undefined
          : threads.some(({ address }) => onReaperList.has(address)),
      ),
      sharers: this.#tasks
        .filter((task) => mm !== undefined && task.mm === mm && !own.has(task))
        .map(oomTask),
    };
  }

  #memory(address: string): Partial<OomVictim> {
    const subject = `mm_struct ${address}`;
    const { problems } = this.#vmcore;
    const mm = problems.attempt(subject, () =>
      this.#vmcore.object('mm_struct', vaddr(BigInt(address))),
    );
    if (mm === undefined) return { mm: address };
    // 64 bits, also where they are a bitmap in a struct.
    const flags = problems.attempt(subject, () => mm.member('flags').pointer());
    const has = (bit: FoundConstant | undefined): boolean | undefined => {
      if (bit === undefined || flags === undefined) return undefined;
      return ((flags >> BigInt(bit.bit)) & 1n) === 1n;
    };
    const users = problems.attempt(subject, () => countOf(mm.member('mm_users')));
    return {
      mm: address,
      ...optional('mmFlags', flags === undefined ? undefined : hex(flags)),
      ...optional('skip', has(this.#skip)),
      ...optional('reapQueued', has(this.#reapQueued)),
      ...optional('mmUsers', users),
    };
  }

  #isMemdie({ threadFlags }: Task): boolean | undefined {
    if (threadFlags === undefined || this.#memdie === undefined) return undefined;
    return ((BigInt(threadFlags) >> BigInt(this.#memdie.bit)) & 1n) === 1n;
  }

  #taskAt(address: Vaddr): OomTask {
    const known = this.#byAddress.get(hex(address));
    return known === undefined ? { address: hex(address) } : oomTask(known);
  }
}

function oomTask({ address, pid, tgid, comm, state }: Task): OomTask {
  return {
    address,
    ...optional('pid', pid),
    ...optional('tgid', tgid),
    ...optional('comm', comm),
    ...optional('state', state),
  };
}

function pointer(value: string | undefined): string | undefined {
  return value === '0x0' ? undefined : value;
}

function isTrue(value: number | undefined): boolean | undefined {
  return value === undefined ? undefined : value !== 0;
}

/** Bits of `owner` that are no part of the address (v4.10): WAITERS, HANDOFF, PICKUP. */
const MUTEX_FLAGS = 7n;

/**
 * Who has a `struct mutex`: 0 where nobody has it, undefined where this kernel does not keep that.
 * With PREEMPT_RT a mutex has an rt_mutex in it, whose lowest bit says that somebody waits.
 */
function mutexOwner(mutex: Ref): Vaddr | undefined {
  const path = ['owner', 'rtmutex.owner', 'lock.owner'].find((each) => mutex.has(each));
  if (path === undefined) return undefined;
  return vaddr(mutex.member(path).pointer() & ~MUTEX_FLAGS);
}
