// Whatever the seed draws: a machine, a kernel, programs and faults. Most kinds of trouble are
// switched off in any one run, so that the others can be seen at work; the ledger says what the run
// comes to.

import { Prng } from '../../util/prng.ts';
import type { Kernel } from '../core/kernel.ts';
import { FEATURES_4_4, FEATURES_6_1, type ReleaseFeatures } from '../flavour/release-features.ts';
import type { Features, Knobs, Scenario } from '../scenario.ts';
import { startPrograms, type RandomParameters } from './random-programs.ts';

/** The parameters come from a stream of their own, so that the programs' draws stay theirs. */
const PARAMETER_STREAM = 0x52414e44;

const KNOBS: Knobs = { ramMiB: 128, cpus: 2, hz: 250, dumpSeconds: 20 };

/** The scenario; {@link Scenario.forSeed} makes what really runs. */
export const RANDOM: Scenario = {
  name: 'random',
  about: 'machine, kernel, programs and faults as the seed draws them',
  diagnosis: undefined,
  needs: [],
  defaults: KNOBS,
  start: () => undefined,
  forSeed: drawScenario,
};

function drawScenario(seed: number): Scenario {
  const prng = new Prng(seed ^ PARAMETER_STREAM);
  const defaults: Knobs = {
    ramMiB: prng.pick([96, 128, 192]),
    cpus: 1 + prng.below(4),
    hz: prng.pick([100, 250, 300, 1000] as const),
    dumpSeconds: 10 + prng.below(11),
    idleTasks: prng.chance(0.2) ? 1 + prng.below(100) : 0,
  };
  const features = drawFeatures(prng);
  const parameters = drawParameters(prng);
  const start = (k: Kernel): void => startPrograms(k, parameters);
  return { ...RANDOM, defaults, features, parameters, start };
}

/** A kernel as it was released, but for a few patches that somebody has taken over or left out. */
function drawFeatures(prng: Prng): Features {
  const [release, other] = prng.pick([
    [FEATURES_4_4, FEATURES_6_1],
    [FEATURES_6_1, FEATURES_4_4],
  ] as const);
  // What came later is the release's: one more draw, and all behind it are others.
  const names = (Object.keys(release) as (keyof ReleaseFeatures)[]).filter(
    (name) => name !== 'consoleHandover' && name !== 'lessThrottleMargin',
  );
  const taken = names.filter(() => prng.chance(0.1));
  return {
    ...release,
    ...Object.fromEntries(taken.map((name) => [name, other[name]])),
    blockingShrinker: prng.chance(0.5),
    dirtyRatio: prng.pick([5, 20, 20, 100]),
    consoleUs: prng.chance(0.15) ? 1_000 * (1 + prng.below(100)) : 0,
    cdrom: prng.chance(0.5),
  };
}

/** Which kinds of programs and devices there are, and how large. */
function drawParameters(prng: Prng): RandomParameters {
  const some = (probability: number, most: number): number =>
    prng.chance(probability) ? 1 + prng.below(most) : 0;
  return {
    eaters: 1 + prng.below(6),
    eatenPercent: 60 + prng.below(100),
    eaterPolicy: prng.pick(['normal', 'normal', 'normal', 'nice', 'idle']),
    writers: some(0.7, 8),
    writePages: 2 ** prng.below(11),
    shareInode: prng.chance(0.5),
    extend: prng.chance(0.4),
    dirty: prng.chance(0.5),
    sync: prng.chance(0.15),
    nofail: prng.chance(0.15),
    overwriters: some(0.5, 3),
    overwriterPercent: 5 + prng.below(30),
    unlinkedBlocks: some(0.15, 3_000),
    mapperThreads: some(0.2, 3),
    balloonPercent: some(0.1, 60),
    cgroupPercent: some(0.2, 20),
    cgroupSyncs: prng.chance(0.5),
    swapPercent: some(0.15, 100),
    swapOnCrypt: prng.chance(0.4),
    filesOnCrypt: prng.chance(0.1),
    diskUsPerPage: prng.chance(0.15) ? 20_000 * (1 + prng.below(8)) : 40,
    // Not drawn: with messages some seeds come to something else than they are known for.
    messagePages: 0,
  };
}
