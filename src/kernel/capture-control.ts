// Whom a task compacts memory for: struct compact_control (mm/internal.h) on its own stack, to
// which task->capture_control leads (5.1) while the task compacts for a request of its own.

import { numberOf, RecordReader } from '../target/record.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex, vaddr, type Vaddr } from '../util/address.ts';
import { optional } from '../util/optional.ts';
import { isMask, isOnStack, ORDER_MAX } from './request-sanity.ts';
import type { Task } from './task.ts';

/** A compact_control. Members that this kernel's struct lacks are absent. */
export interface CompactState {
  /** `struct compact_control *` */
  readonly address: string;
  /** `0x…` */
  readonly gfpMask: string;
  /** log2 of the pages that are wanted. */
  readonly order: number;
  /** enum migrate_mode: `MIGRATE_ASYNC`. */
  readonly mode?: string;
  /** Pages that were looked at so far, to be moved and to be moved to. */
  readonly migrateScanned?: number;
  readonly freeScanned?: number;
}

const PATHS = {
  gfpMask: 'gfp_mask',
  order: 'order',
  mode: 'mode',
  migrateScanned: 'total_migrate_scanned',
  freeScanned: 'total_free_scanned',
} as const;

const MODES = ['MIGRATE_ASYNC', 'MIGRATE_SYNC_LIGHT', 'MIGRATE_SYNC', 'MIGRATE_SYNC_NO_COPY'];

/** Reads the compact_controls of tasks. */
export class CaptureControlReader {
  readonly #vmcore: Vmcore;
  readonly #stackSize: number;
  readonly #task: RecordReader<'capture'>;
  /** Undefined where this kernel has no such pointer. */
  readonly #capture: RecordReader<'cc'> | undefined;
  readonly #compact: RecordReader<keyof typeof PATHS> | undefined;

  /**
   * @param stackSize bytes of a task's stack
   * @throws LookupError if the kernel's types have no task_struct
   */
  constructor(vmcore: Vmcore, stackSize: number) {
    this.#vmcore = vmcore;
    this.#stackSize = stackSize;
    const task = vmcore.struct('task_struct');
    this.#task = new RecordReader(vmcore, task, { capture: 'capture_control' });
    const capture = vmcore.types.find('struct', 'capture_control');
    const compact = vmcore.types.find('struct', 'compact_control');
    if (capture?.kind !== 'struct' || compact?.kind !== 'struct') return;
    this.#capture = new RecordReader(vmcore, capture, { cc: 'cc' });
    this.#compact = new RecordReader(vmcore, compact, PATHS);
  }

  /** Undefined of a task that does not compact; a pointer that leads elsewhere is a problem. */
  read(task: Task): CompactState | undefined {
    if (this.#capture === undefined) return undefined;
    const subject = `capture_control of task ${task.pid ?? task.address}`;
    const report = { problems: this.#vmcore.problems, subject: () => subject };
    const { capture } = this.#task.read(vaddr(BigInt(task.address)), report);
    if (typeof capture !== 'bigint' || capture === 0n) return undefined;
    if (!this.#isOwn(task, vaddr(capture), subject)) return undefined;
    const { cc } = this.#capture.read(vaddr(capture), report);
    if (typeof cc !== 'bigint' || !this.#isOwn(task, vaddr(cc), subject)) return undefined;
    const values = this.#compact?.read(vaddr(cc), report) ?? {};
    const gfp = numberOf(values.gfpMask);
    const order = numberOf(values.order);
    if (gfp === undefined || order === undefined) return undefined;
    if (!isMask(gfp) || order < 0 || order > ORDER_MAX) {
      const what = `no compact_control at ${hex(cc)}: its members make no sense`;
      this.#vmcore.problems.addMessage(subject, what);
      return undefined;
    }
    return {
      address: hex(cc),
      gfpMask: hex(gfp),
      order,
      ...optional('mode', this.#modeName(numberOf(values.mode))),
      ...optional('migrateScanned', numberOf(values.migrateScanned)),
      ...optional('freeScanned', numberOf(values.freeScanned)),
    };
  }

  #isOwn(task: Task, address: Vaddr, subject: string): boolean {
    if (isOnStack(task, { address, size: 8, stackSize: this.#stackSize })) return true;
    this.#vmcore.problems.addMessage(subject, `${hex(address)} is not on the task's own stack`);
    return false;
  }

  #modeName(mode: number | undefined): string | undefined {
    if (mode === undefined) return undefined;
    return MODES.find((name) => this.#vmcore.types.findEnumerator(name) === BigInt(mode));
  }
}
