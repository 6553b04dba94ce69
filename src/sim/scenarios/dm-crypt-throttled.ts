// D10: swap lies on dm-crypt, and memory is full. Whoever cleans memory there needs memory for it,
// meets reclaim on the way, and is throttled there for what it is itself about to write: the swap
// of the whole machine waits for a worker that sleeps a tenth of a second again and again.

import { addProgram } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { crypt_ctr } from '../drivers/dm-crypt.ts';
import { swapon } from '../mm/swap.ts';
import { walker } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** Processes that go through their memory again and again. */
export interface Tabs {
  readonly count: number;
  /** Microseconds that one sleeps at least, and twice of it at most. */
  readonly sleepUs: number;
}

const TABS: Tabs = { count: 60, sleepUs: 8_000 };

/** The scenario. */
export const DM_CRYPT_THROTTLED: Scenario = {
  name: 'dm-crypt-throttled',
  about: 'swap on dm-crypt, whose worker is throttled by reclaim; slow, not dead (D10)',
  diagnosis: 'D10',
  needs: ['throttle_vm_writeout() in reclaim: Linux up to 4.8', 'swap on dm-crypt'],
  features: { throttleVmWriteout: true, activatesDirty: false },
  requires: ['throttleVmWriteout'],
  defaults: { ramMiB: 128, cpus: 2, hz: 250, dumpSeconds: 20 },
  start,
};

function start(k: Kernel): void {
  startTabs(k, TABS);
}

/** Half as much again as memory, in so many processes, and swap on dm-crypt. */
export function startTabs(k: Kernel, { count, sleepUs: least }: Tabs): void {
  const managed = k.node.managedPages;
  swapon(k, crypt_ctr(k, '254:0', k.fs.disk), 4 * managed);
  for (let i = 0; i < count; i++) {
    const pages = Math.floor((managed * 1.5) / count) + k.prng.below(managed >> 8);
    const sleepUs = least + k.prng.below(least);
    addProgram(k, { comm: `firefox-${i}` }, walker({ pages, batch: 64, sleepUs }));
  }
}
