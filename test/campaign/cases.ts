// The runs of a campaign: what is simulated, and which containers each run is written to.

import { FLAVOURS, type FlavourName } from '../../src/sim/flavour/flavours.ts';
import { VMCORE_FORMATS, type VmcoreFormat } from '../../src/sim/image/containers.ts';

/**
 * A flavour as released, which may lack what the scenario needs; `own` is the kernel that the
 * scenario asks for, as `simulate` runs it unless told.
 */
export type CaseFlavour = FlavourName | 'own';

/** A format, or one in an lz4 frame. */
export type ContainerName = VmcoreFormat | 'elf.lz4';

/** One run, and all the files that it is written to. */
export interface CampaignCase {
  readonly scenario: string;
  readonly flavour: CaseFlavour;
  readonly kmallocwd: number;
  readonly seed: number;
  readonly containers: readonly ContainerName[];
}

/** Every container. */
export const CONTAINER_NAMES: readonly ContainerName[] = [...VMCORE_FORMATS, 'elf.lz4'];

/** Every kernel. */
export const CASE_FLAVOURS: readonly CaseFlavour[] = [
  'own',
  ...(Object.keys(FLAVOURS) as FlavourName[]),
];

/** Seconds: the watchdog off, and as short as leaves reports enough before a dump. */
export const CASE_TIMEOUTS = [0, 4] as const;

/** A seed of the scenario `random`: one container each, in turn. */
export function randomCase(seed: number): CampaignCase {
  const container = CONTAINER_NAMES[seed % CONTAINER_NAMES.length]!;
  return { scenario: 'random', flavour: 'own', kmallocwd: 4, seed, containers: [container] };
}

/** What a case is called where it is told of. */
export function caseName({ scenario, flavour, kmallocwd, seed, containers }: CampaignCase): string {
  const kernel = flavour === 'own' ? 'own kernel' : flavour;
  return `${scenario} on ${kernel}, kmallocwd=${kmallocwd}, seed ${seed}: ${containers.join(', ')}`;
}
