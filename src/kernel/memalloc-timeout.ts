// From which age on a request counts as stalling: what the user says, else what the dumped kernel
// has in its own variables, else the default of the first patches.

import type { Vmcore } from '../target/vmcore.ts';
import { InvalidError } from '../util/errors.ts';

/** An age from which on a request stalls. */
export interface Timeout {
  /** Unknown where HZ is. */
  readonly seconds: number | undefined;
  readonly jiffies: bigint;
  readonly source: string;
}

/** {@link Timeout.source} where the caller chose it. */
export const CHOSEN = 'chosen by the user';

/** The default of the first patches and still a good one: v5 to v9 waited for 60 s. */
const SECONDS_DEFAULT = 10;

/** The caller's, else the dump's own where it is not 0, else the default. */
export function chooseTimeout(
  vmcore: Vmcore,
  seconds: { hz: number | undefined; chosen: number | undefined; jiffiesKnown: boolean },
): Timeout {
  const { hz, chosen, jiffiesKnown } = seconds;
  if (hz === undefined && chosen !== undefined) {
    throw new InvalidError('timeout in seconds: HZ of this kernel could not be found');
  }
  if (chosen !== undefined && hz !== undefined) {
    const jiffies = BigInt(Math.round(chosen * hz));
    return { seconds: chosen, jiffies, source: CHOSEN };
  }
  const before = vmcore.problems.count;
  const own = ownTimeout(vmcore, hz);
  if (own !== undefined) return own;
  const isUnread = vmcore.problems.count > before;
  if (hz === undefined && jiffiesKnown) {
    const what = 'HZ of this kernel could not be found: every request in flight counts as stalling';
    vmcore.problems.addMessage('timeout', what, 'lookup');
  }
  const jiffies = BigInt(SECONDS_DEFAULT * (hz ?? 0));
  return {
    seconds: SECONDS_DEFAULT,
    jiffies,
    source: isUnread ? "default, the dump's own could not be read" : 'default',
  };
}

function ownTimeout(vmcore: Vmcore, hz: number | undefined): Timeout | undefined {
  const read = (name: string): bigint | undefined =>
    vmcore.symbols.lookup(name) === undefined
      ? undefined
      : vmcore.problems.attempt(name, () => vmcore.global(name).integer());
  const jiffies = read('kmallocwd_timeout');
  if (jiffies !== undefined && jiffies !== 0n) {
    const ownSeconds = hz === undefined ? undefined : Number(jiffies) / hz;
    return { seconds: ownSeconds, jiffies, source: 'kmallocwd_timeout' };
  }
  for (const name of ['sysctl_memalloc_task_warning_secs', 'sysctl_memalloc_task_timeout_secs']) {
    const seconds = read(name);
    if (seconds !== undefined && seconds !== 0n && hz !== undefined) {
      return { seconds: Number(seconds), jiffies: seconds * BigInt(hz), source: name };
    }
  }
  return undefined;
}
