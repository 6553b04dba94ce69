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
  /** The run is dumped twice, so many seconds apart, and the two are compared. */
  readonly again?: number;
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

/** A pair is 1 to 8 seconds apart: shorter and longer than the timeout. */
const PAIR_SECONDS_MAX = 8;
/** Of so many pairs one is of a kernel that keeps no record. */
const UNRECORDED_EVERY = 4;

/** A seed of `random`, dumped twice. */
export function pairCase(seed: number): CampaignCase {
  const flavour = seed % UNRECORDED_EVERY === 0 ? '6.1' : 'own';
  const again = 1 + (seed % PAIR_SECONDS_MAX);
  return { scenario: 'random', flavour, kmallocwd: 4, seed, containers: ['elf'], again };
}

/** What a case is called where it is told of. */
export function caseName(each: CampaignCase): string {
  const { scenario, flavour, kmallocwd, seed, containers, again } = each;
  const kernel = flavour === 'own' ? 'own kernel' : flavour;
  const twice = again === undefined ? '' : `, and again ${again} s later`;
  return (
    `${scenario} on ${kernel}, kmallocwd=${kmallocwd}, seed ${seed}: ` +
    `${containers.join(', ')}${twice}`
  );
}
