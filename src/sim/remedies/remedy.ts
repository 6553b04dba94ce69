// The changes that the seeds argue about, under the names of the boot parameters that switch them
// on: what `simulate --remedy` takes, and what `--compare-remedies` compares.

import type { Features } from '../scenario.ts';
import { REMEDIES_NONE, type KernelOptions, type Remedies } from '../core/options.ts';

/** A change that may keep a machine from stalling. */
export interface Remedy {
  /** As a boot parameter. */
  readonly name: string;
  /** Who proposed it, or argues about it. */
  readonly seed: '002' | '003' | '004';
  /** One line for `simulate --list`. */
  readonly about: string;
  /** In seconds, unless told; undefined where the parameter takes no value. */
  readonly value?: number;
  readonly remedies?: (value: number) => Partial<Remedies>;
  /** Where later kernels have it: what they have. */
  readonly features?: Features;
}

/** Seconds. */
const OOM_TIMEOUT_DEFAULT = 5;

/** A remedy that is one option. */
function flag(
  name: string,
  option: keyof { [K in keyof Remedies as Remedies[K] extends boolean ? K : never]: 0 },
  told: Pick<Remedy, 'seed' | 'about'>,
): Remedy {
  return { name, ...told, remedies: () => ({ [option]: true }) };
}

/** By their seeds. */
export const REMEDIES: readonly Remedy[] = [
  flag('fail_small_allocs', 'failSmallAllocs', {
    seed: '003',
    about: 'small requests fail after some attempts, unless __GFP_NOFAIL (LWN 636017)',
  }),
  flag('oom_reserve', 'oomReserve', {
    seed: '003',
    about: 'a reserve for requests that may invoke the OOM killer (LWN 642057)',
  }),
  {
    name: 'oom_timeout',
    seed: '003',
    about: `another victim where one has not died in so many seconds, or ${OOM_TIMEOUT_DEFAULT}`,
    value: OOM_TIMEOUT_DEFAULT,
    remedies: (oomTimeout) => ({ oomTimeout }),
  },
  {
    name: 'oom_reaper',
    seed: '003',
    about: "a thread that takes a victim's memory away (Linux 4.6)",
    features: { oomReaper: true },
  },
  flag('dm_crypt_less_throttle', 'dmCryptLessThrottle', {
    seed: '004',
    about: 'kcryptd runs with PF_LESS_THROTTLE',
  }),
  flag('mempool_less_throttle', 'mempoolLessThrottle', {
    seed: '004',
    about: 'mempool_alloc() sets PF_LESS_THROTTLE',
  }),
  flag('noretry_no_throttle', 'noretryNoThrottle', {
    seed: '004',
    about: 'throttle_vm_writeout() lets __GFP_NORETRY pass',
  }),
  flag('mempool_no_direct_reclaim', 'mempoolNoDirectReclaim', {
    seed: '004',
    about: 'mempool_alloc() never enters direct reclaim',
  }),
  flag('phased_watermarks', 'phasedWatermarks', {
    seed: '002',
    about: 'watermarks by the stage of reclaim, handed on with its work',
  }),
  flag('reclaim_threads', 'reclaimThreads', {
    seed: '002',
    about: 'threads of their own for what in reclaim may wait for the file system',
  }),
  flag('no_direct_reclaim', 'noDirectReclaim', {
    seed: '002',
    about: 'callers sleep while a thread reclaims for all of them',
  }),
];

/** What to run a kernel with. */
export interface RemedyOptions {
  readonly features: Features;
  readonly remedies: Partial<Remedies>;
}

/** What a remedy switches on. */
export function remedyOptions(remedy: Remedy, value = remedy.value ?? 0): RemedyOptions {
  return { features: remedy.features ?? {}, remedies: remedy.remedies?.(value) ?? {} };
}

/**
 * A remedy as the user writes it: NAME or NAME=VALUE.
 *
 * @returns undefined if there is no such remedy, or its value is none
 */
export function parseRemedy(text: string): RemedyOptions | undefined {
  const [name, value, ...rest] = text.split('=');
  const remedy = REMEDIES.find((each) => each.name === name);
  if (remedy === undefined || rest.length > 0) return undefined;
  if (value === undefined) return remedyOptions(remedy);
  const isTaken = remedy.value !== undefined && /^[1-9][0-9]{0,5}$/.test(value);
  return isTaken ? remedyOptions(remedy, Number(value)) : undefined;
}

/** Those that a kernel runs with, as options, for the ledger. */
export function remediesOf(options: KernelOptions): Partial<Remedies> {
  const names = Object.keys(REMEDIES_NONE) as (keyof Remedies)[];
  const chosen = names.filter((name) => options[name] !== REMEDIES_NONE[name]);
  return Object.fromEntries(chosen.map((name) => [name, options[name]]));
}
