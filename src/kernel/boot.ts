// Which boot of which kernel a dump is of: what stays the same from the first instant of a machine
// to its last, and is hardly the same of two.

import type { Vmcore } from '../target/vmcore.ts';
import { hex, vaddr } from '../util/address.ts';
import { optional } from '../util/optional.ts';
import { bootWallClockNs } from './system.ts';
import type { Task } from './task.ts';

/** What tells one boot from another; what a dump does not tell is absent. */
export interface BootIdentity {
  /** What `uname -r` says. */
  readonly release: string;
  readonly banner?: string;
  readonly buildId?: string;
  /** What KASLR drew: where the image lies, and the areas of virtual memory. */
  readonly kaslrOffset?: string;
  readonly physBase: number;
  readonly pageOffsetBase?: string;
  readonly vmallocBase?: string;
  readonly vmemmapBase?: string;
  /**
   * /proc/sys/kernel/random/boot_id as 32 hex digits; drawn when it is first read, absent before
   * that.
   */
  readonly bootId?: string;
  /** Wall-clock time of the boot in nanoseconds since 1970, in decimal; moves with the clock. */
  readonly bootTimeNs?: string;
  /** `struct task_struct *` of the first process, and when it was made. */
  readonly init?: { readonly address: string; readonly startTimeNs: number };
}

/** A UUID. */
const BOOT_ID_SIZE = 16;

/** Reads what there is; what cannot be read is a problem and absent. */
export function readBoot(vmcore: Vmcore, tasks: readonly Task[]): BootIdentity {
  const { identity, problems } = vmcore;
  const bootTime = problems.attempt('boot time', () => bootWallClockNs(vmcore));
  return {
    release: identity.release.value,
    ...optional('banner', identity.banner?.value),
    ...optional('buildId', identity.buildId?.value),
    ...optional('kaslrOffset', identity.kaslrOffset?.value),
    physBase: identity.physBase.value,
    ...optional('pageOffsetBase', identity.pageOffsetBase?.value),
    ...optional('vmallocBase', identity.vmallocBase?.value),
    ...optional('vmemmapBase', identity.vmemmapBase?.value),
    ...optional('bootId', readBootId(vmcore)),
    ...optional('bootTimeNs', bootTime?.toString()),
    ...optional('init', firstProcess(tasks)),
  };
}

/**
 * sysctl_bootid (drivers/char/random.c). proc_do_uuid() fills it in when somebody reads the file
 * for the first time; until then it is all zeros, which is no ID.
 */
function readBootId(vmcore: Vmcore): string | undefined {
  const address = vmcore.symbols.lookup('sysctl_bootid');
  if (address === undefined) return undefined;
  const bytes = vmcore.problems.attempt('sysctl_bootid', () =>
    vmcore.readBytes(vaddr(address), BOOT_ID_SIZE),
  );
  if (bytes === undefined || bytes.every((byte) => byte === 0)) return undefined;
  return [...bytes].map((byte) => hex(byte).slice(2).padStart(2, '0')).join('');
}

function firstProcess(tasks: readonly Task[]): BootIdentity['init'] {
  const init = tasks.find(({ pid }) => pid === 1);
  if (init?.startTimeNs === undefined) return undefined;
  return { address: init.address, startTimeNs: init.startTimeNs };
}
