// The flavours by the names that a user gives them.

import type { PatchName } from '../watchdog/patch-version.ts';
import type { Flavour } from './flavour.ts';
import { LINUX_4_4 } from './linux-4-4.ts';
import { LINUX_6_1 } from './linux-6-1.ts';

/** What `simulate --flavour` means. */
export interface NamedFlavour {
  readonly flavour: Flavour;
  /** The version of the kmallocwd patch that it has. */
  readonly patch: PatchName;
}

/** Each kernel, with the patch or without. */
export const FLAVOURS = {
  '4.4': { flavour: LINUX_4_4, patch: 'v3' },
  '6.1': { flavour: LINUX_6_1, patch: 'none' },
  '6.1-kmallocwd': { flavour: LINUX_6_1, patch: 'v3' },
} as const satisfies Readonly<Record<string, NamedFlavour>>;

/** A name of {@link FLAVOURS}. */
export type FlavourName = keyof typeof FLAVOURS;
