// What the simulated 4.4 kernel says of itself. Its layout file in structs/ is found by this.

import type { KernelName } from './flavour.ts';

/** The declarations of its structs were checked against 4.4.1. */
export const KERNEL_NAME_4_4: KernelName = {
  release: '4.4.1-stallcore-sim',
  version: '#1 SMP Sun Jan 31 19:37:12 UTC 2016',
};
