// Whatever the seed draws: a machine, a kernel, programs and faults. Most kinds of trouble are
// switched off in any one run, so that the others can be seen at work; the ledger says what the run
// comes to.

import { Prng } from '../../util/prng.ts';
import type { Kernel } from '../core/kernel.ts';
import { FEATURES_4_4, FEATURES_6_1, type ReleaseFeatures } from '../flavour/release-features.ts';
import { MESSAGE_PAGES_MAX } from '../net/unix.ts';
import type { Features, Knobs, Scenario } from '../scenario.ts';
import { startPrograms, type RandomParameters } from './random-programs.ts';

/** The parameters come from a stream of their own, so that the programs' draws stay theirs. */
const PARAMETER_STREAM = 0x52414e44;

/**
 * What was drawn later than the rest, each from a stream of its own: one more draw from the first
 * would have made all behind it others, and so another machine of every seed.
 */
const LATER_STREAMS = {
  consoleHandover: 0x434f4e53,
  lessThrottleMargin: 0x4d415247,
  drainsByWork: 0x44524149,
  memcgWaitsOnWriteback: 0x4d435754,
  sharedBioSet: 0x42494f53,
  messagePages: 0x4d455347,
} as const;

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
  const features = { ...drawFeatures(prng), ...drawLaterFeatures(seed) };
  const parameters = drawParameters(prng, drawMessagePages(seed));
  const start = (k: Kernel): void => startPrograms(k, parameters);
  return { ...RANDOM, defaults, features, parameters, start };
}

/** A kernel as it was released, but for a few patches that somebody has taken over or left out. */
function drawFeatures(prng: Prng): Features {
  const [release, other] = prng.pick([
    [FEATURES_4_4, FEATURES_6_1],
    [FEATURES_6_1, FEATURES_4_4],
  ] as const);
  // What waits for writeback has always had its draw here, which comes to nothing.
  const names = (Object.keys(release) as (keyof ReleaseFeatures)[]).filter(
    (name) => name === 'memcgWaitsOnWriteback' || !(name in LATER_STREAMS),
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

/** As likely one way as the other where releases differ; a bug, or what few have, is rarer. */
function drawLaterFeatures(seed: number): Features {
  const chance = (name: keyof typeof LATER_STREAMS, probability: number): boolean => {
    return later(seed, name).chance(probability);
  };
  return {
    consoleHandover: chance('consoleHandover', 0.5),
    lessThrottleMargin: chance('lessThrottleMargin', 0.5),
    drainsByWork: chance('drainsByWork', 0.3),
    memcgWaitsOnWriteback: chance('memcgWaitsOnWriteback', 0.3),
    sharedBioSet: chance('sharedBioSet', 0.15),
  };
}

/** From a part of the head of a message to all that one may have. */
function drawMessagePages(seed: number): number {
  const prng = later(seed, 'messagePages');
  return prng.chance(0.3) ? 1 + prng.below(MESSAGE_PAGES_MAX) : 0;
}

function later(seed: number, name: keyof typeof LATER_STREAMS): Prng {
  return new Prng(seed ^ LATER_STREAMS[name]);
}

/** Which kinds of programs and devices there are, and how large. */
function drawParameters(prng: Prng, messagePages: number): RandomParameters {
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
    messagePages,
  };
}
