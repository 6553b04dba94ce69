// Structs of a request on the stack that nothing points to: struct alloc_context (mm/internal.h)
// and struct oom_control (include/linux/oom.h). Each begins with the zonelist that the request may
// take pages from, which is one of the few that the nodes have: in the frame of the function that
// has the struct, at one place only, that proves it.

import { numberOf, RecordReader, type RecordValues } from '../target/record.ts';
import type { Vmcore } from '../target/vmcore.ts';
import type { MemberValue } from '../types/compile.ts';
import { findMember, type StructType } from '../types/ctype.ts';
import { hex, type Vaddr } from '../util/address.ts';
import { optional } from '../util/optional.ts';
import { nodeRefs } from './mmzone.ts';
import { isMask, ORDER_MAX } from './request-sanity.ts';
import { findLocal } from './stack-locals.ts';
import type { StackFrame } from './stack.ts';

/** Where a request may take pages from. */
export interface AllocContext {
  /** `struct alloc_context *` */
  readonly address: string;
  /** The highest zone, an index of `node_zones`. */
  readonly highestZone: number;
  /** enum migratetype. */
  readonly migratetype?: number;
}

/** What a call of out_of_memory() is for. */
export interface OomState {
  /** `struct oom_control *` */
  readonly address: string;
  /** `0x…` */
  readonly gfpMask: string;
  /** log2 of the pages that were wanted. */
  readonly order: number;
  /** `struct task_struct *` that is to be killed, `0x0` for none as yet (4.9). */
  readonly chosen?: string;
}

const CONTEXT_PATHS = {
  zonelist: 'zonelist',
  // Renamed in 4.x and 5.8; 4.4 had both a classzone_idx and a high_zoneidx.
  highestZone: ['highest_zoneidx', 'high_zoneidx'],
  migratetype: 'migratetype',
} as const;

const OOM_PATHS = {
  zonelist: 'zonelist',
  gfpMask: 'gfp_mask',
  order: 'order',
  chosen: 'chosen',
} as const;

/**
 * The functions that have an alloc_context; which of them a kernel has changed with its release.
 */
const CONTEXT_OWNERS: ReadonlySet<string> = new Set([
  '__alloc_pages',
  '__alloc_pages_nodemask',
  '__alloc_pages_noprof',
  '__alloc_frozen_pages_noprof',
]);

/** __alloc_pages_may_oom() is often a part of its caller. */
const OOM_OWNERS: ReadonlySet<string> = new Set([
  '__alloc_pages_may_oom',
  '__alloc_pages_slowpath',
]);

/** The 16 migratetypes and 6 zones that there can be at most. */
const MIGRATETYPE_MAX = 16;
const ZONES_MAX = 6;

/** Finds the structs. */
export class AllocContextReader {
  readonly #vmcore: Vmcore;
  readonly #zonelists: ReadonlySet<bigint>;
  readonly #context: StructReader<keyof typeof CONTEXT_PATHS> | undefined;
  readonly #oom: StructReader<keyof typeof OOM_PATHS> | undefined;

  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
    this.#zonelists = zonelists(vmcore);
    this.#context = structReader(vmcore, 'alloc_context', CONTEXT_PATHS);
    this.#oom = structReader(vmcore, 'oom_control', OOM_PATHS);
  }

  /** Of a task in the slow path: the outermost request's, whose frame comes last. */
  context(frames: readonly StackFrame[]): AllocContext | undefined {
    const reader = this.#context;
    if (reader === undefined) return undefined;
    const found = findLocal([...frames].reverse(), {
      functions: CONTEXT_OWNERS,
      size: reader.struct.size,
      read: (address) => {
        const values = this.#values(reader, address);
        const highestZone = numberOf(values?.highestZone);
        const migratetype = numberOf(values?.migratetype);
        if (highestZone === undefined || highestZone > ZONES_MAX) return undefined;
        if (migratetype !== undefined && migratetype > MIGRATETYPE_MAX) return undefined;
        return { highestZone, ...optional('migratetype', migratetype) };
      },
    });
    return found === undefined ? undefined : { address: hex(found.address), ...found.value };
  }

  /** Of a task that is in out_of_memory(). */
  oom(frames: readonly StackFrame[]): OomState | undefined {
    const reader = this.#oom;
    if (reader === undefined || !frames.some(({ name }) => name === 'out_of_memory')) {
      return undefined;
    }
    const found = findLocal(frames, {
      functions: OOM_OWNERS,
      size: reader.struct.size,
      read: (address) => {
        const values = this.#values(reader, address);
        const gfp = numberOf(values?.gfpMask);
        const order = numberOf(values?.order);
        if (gfp === undefined || order === undefined || !isMask(gfp)) return undefined;
        if (order < 0 || order > ORDER_MAX) return undefined;
        const { chosen } = values ?? {};
        const pointer = typeof chosen === 'bigint' ? hex(chosen) : undefined;
        return { gfpMask: hex(gfp), order, ...optional('chosen', pointer) };
      },
    });
    return found === undefined ? undefined : { address: hex(found.address), ...found.value };
  }

  /** The members, where the struct names a zonelist of this machine. */
  #values<Key extends string>(
    { record }: StructReader<Key | 'zonelist'>,
    address: Vaddr,
  ): RecordValues<Key | 'zonelist'> | undefined {
    const { problems } = this.#vmcore;
    const values = record.read(address, { problems, subject: () => `stack at ${hex(address)}` });
    const zonelist: MemberValue | undefined = values.zonelist;
    return typeof zonelist === 'bigint' && this.#zonelists.has(zonelist) ? values : undefined;
  }
}

interface StructReader<Key extends string> {
  readonly struct: StructType;
  readonly record: RecordReader<Key>;
}

function structReader<Key extends string>(
  vmcore: Vmcore,
  name: string,
  paths: Readonly<Record<Key, string | readonly string[]>>,
): StructReader<Key> | undefined {
  const struct = vmcore.types.find('struct', name);
  if (struct?.kind !== 'struct' || findMember(struct, 'zonelist') === undefined) return undefined;
  return { struct, record: new RecordReader(vmcore, struct, paths) };
}

/** `struct zonelist *` of all nodes: with fall-backs, and with NUMA without them. */
function zonelists(vmcore: Vmcore): Set<bigint> {
  const found = new Set<bigint>();
  for (const node of nodeRefs(vmcore)) {
    if (!node.has('node_zonelists')) continue;
    const lists = node.member('node_zonelists');
    const count = lists.type.kind === 'array' ? lists.type.count : 0;
    for (let i = 0; i < count; i++) found.add(lists.at(i).address);
  }
  return found;
}
