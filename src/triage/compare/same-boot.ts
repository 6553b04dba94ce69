// Whether two dumps are of one boot of one machine. What differs between two kernels or two boots
// refutes it; what only the same boot has in common proves it.

import type { BootIdentity } from '../../kernel/boot.ts';
import { optional } from '../../util/optional.ts';

/** One thing that was held against that of the other dump. */
export interface BootCheck {
  /** `boot ID`, in words. */
  readonly what: string;
  readonly before?: string;
  readonly now?: string;
  /** Absent where one of the dumps does not tell. */
  readonly isSame?: boolean;
  /** What follows where the two differ: nothing where it may change while a machine runs. */
  readonly refutes?: 'kernel' | 'boot';
  /** That they are equal is chance of next to nothing unless it is one boot. */
  readonly proves: boolean;
}

/** What was found. */
export interface SameBoot {
  /** Undefined where nothing proves or refutes it. */
  readonly isSame?: boolean;
  /** Why they are of two. */
  readonly reason?: string;
  readonly checks: readonly BootCheck[];
}

interface Plan {
  readonly what: string;
  readonly of: (boot: BootIdentity) => string | undefined;
  readonly refutes?: BootCheck['refutes'];
  readonly proves?: true;
}

/** In the order in which a reason is looked for: another kernel is always another boot. */
const PLANS: readonly Plan[] = [
  { what: 'release', of: ({ release }) => release, refutes: 'kernel' },
  { what: 'build ID', of: ({ buildId }) => buildId, refutes: 'kernel' },
  { what: 'banner', of: ({ banner }) => banner, refutes: 'kernel' },
  { what: 'boot ID', of: ({ bootId }) => bootId, refutes: 'boot', proves: true },
  { what: 'KASLR offset', of: ({ kaslrOffset }) => kaslrOffset, refutes: 'boot' },
  { what: 'phys_base', of: ({ physBase }) => String(physBase), refutes: 'boot' },
  { what: 'page_offset_base', of: ({ pageOffsetBase }) => pageOffsetBase, refutes: 'boot' },
  { what: 'vmalloc_base', of: ({ vmallocBase }) => vmallocBase, refutes: 'boot' },
  { what: 'vmemmap_base', of: ({ vmemmapBase }) => vmemmapBase, refutes: 'boot' },
  { what: 'address and start of pid 1', of: initText, refutes: 'boot', proves: true },
  // Whoever sets the clock moves it; to the nanosecond no two boots have the same one.
  { what: 'time of the boot', of: ({ bootTimeNs }) => bootTimeNs, proves: true },
];

function initText({ init }: BootIdentity): string | undefined {
  return init === undefined ? undefined : `${init.address}, ${init.startTimeNs} ns`;
}

/** Holds one against the other. */
export function sameBoot(before: BootIdentity, now: BootIdentity): SameBoot {
  const checks = PLANS.map((plan) => checkOf(plan, before, now));
  const against = checks.find(({ isSame, refutes }) => isSame === false && refutes !== undefined);
  if (against !== undefined) return { isSame: false, reason: reasonOf(against), checks };
  const isProved = checks.some(({ isSame, proves }) => isSame === true && proves);
  return isProved ? { isSame: true, checks } : { checks };
}

function checkOf({ what, of, refutes, proves }: Plan, a: BootIdentity, b: BootIdentity): BootCheck {
  const [before, now] = [of(a), of(b)];
  const isSame = before === undefined || now === undefined ? undefined : before === now;
  return {
    what,
    ...optional('before', before),
    ...optional('now', now),
    ...optional('isSame', isSame),
    ...optional('refutes', refutes),
    proves: proves === true,
  };
}

function reasonOf({ what, before, now, refutes }: BootCheck): string {
  const of = refutes === 'kernel' ? 'different kernels' : 'different boots of this kernel';
  return `the dumps are of ${of}: ${what} ${before} and ${now}`;
}
