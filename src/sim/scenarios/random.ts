// Whatever the seed draws: a machine, programs and faults. Most kinds of trouble are switched off
// in any one run, so that the others can be seen at work; the ledger says what the run comes to.

import { Prng } from '../../util/prng.ts';
import { addProgram } from '../boot.ts';
import { Inode } from '../fs/file-system.ts';
import type { Kernel } from '../core/kernel.ts';
import { eater, grown, later, writer } from '../programs.ts';
import type { Features, Knobs, Scenario } from '../scenario.ts';
import { SCHED_IDLE } from '../kernel/task-bits.ts';

/** The parameters come from a stream of their own, so that the programs' draws stay theirs. */
const PARAMETER_STREAM = 0x52414e44;

const KNOBS: Knobs = { ramMiB: 128, cpus: 2, hz: 250, dumpSeconds: 20 };

/** The scenario; {@link Scenario.forSeed} makes what really runs. */
export const RANDOM: Scenario = {
  name: 'random',
  about: 'machine, programs and faults as the seed draws them',
  diagnosis: undefined,
  needs: [],
  defaults: KNOBS,
  start: () => undefined,
  forSeed: drawScenario,
};

interface Parameters extends Record<string, number | boolean> {
  readonly eaters: number;
  /** Of RAM, all eaters together, in percent. */
  readonly eatenPercent: number;
  readonly idleEater: boolean;
  readonly writers: number;
  readonly writePages: number;
  readonly shareInode: boolean;
  readonly extend: boolean;
  readonly dirty: boolean;
  readonly overwriters: number;
  /** Of RAM, each of them, in percent. */
  readonly overwriterPercent: number;
  readonly diskUsPerPage: number;
}

function drawScenario(seed: number): Scenario {
  const prng = new Prng(seed ^ PARAMETER_STREAM);
  const defaults: Knobs = {
    ...KNOBS,
    ramMiB: prng.pick([96, 128, 192]),
    cpus: 1 + prng.below(4),
    hz: prng.pick([100, 250, 300, 1000] as const),
  };
  const features: Features = {
    oomReaper: prng.chance(0.3),
    endlessIsolation: prng.chance(0.3),
    consoleUs: prng.chance(0.2) ? 1_000 * (1 + prng.below(100)) : 0,
  };
  const parameters: Parameters = {
    eaters: 1 + prng.below(6),
    eatenPercent: 60 + prng.below(100),
    idleEater: prng.chance(0.2),
    writers: prng.chance(0.7) ? 1 + prng.below(8) : 0,
    writePages: 2 ** prng.below(11),
    shareInode: prng.chance(0.5),
    extend: prng.chance(0.4),
    dirty: prng.chance(0.5),
    overwriters: prng.chance(0.5) ? 1 + prng.below(3) : 0,
    overwriterPercent: 5 + prng.below(30),
    diskUsPerPage: prng.chance(0.2) ? 20_000 * (1 + prng.below(8)) : 40,
  };
  const start = (k: Kernel): void => startPrograms(k, parameters);
  return { ...RANDOM, defaults, features, parameters, start };
}

function startPrograms(k: Kernel, parameters: Parameters): void {
  k.fs.disk.usPerPage = parameters.diskUsPerPage;
  const total = Math.floor((k.node.managedPages * parameters.eatenPercent) / 100);
  for (let i = 0; i < parameters.eaters; i++) {
    const pages = Math.floor(total / parameters.eaters);
    const program = eater({ pages, batch: 64, sleepUs: 2_000 + k.prng.below(20_000) });
    const isIdle = parameters.idleEater && i === 0;
    addProgram(k, { comm: `eater-${i}`, ...(isIdle ? { policy: SCHED_IDLE } : {}) }, program);
  }
  startWriters(k, parameters);
}

/** Writers, and others that meet them at their inodes but need no memory. */
function startWriters(k: Kernel, parameters: Parameters): void {
  const { writers, overwriters, writePages, shareInode, extend, dirty } = parameters;
  let inode = new Inode(k, 'file 0');
  for (let i = 0; i < writers; i++) {
    if (!shareInode && i > 0) inode = new Inode(k, `file ${i}`);
    const write = { inode, pages: writePages, extends: extend, dirty };
    const program = writer({ ...write, sleepUs: 5_000 + k.prng.below(30_000) });
    addProgram(k, { comm: `writer-${i}` }, later(k.prng.below(1_000_000), program));
  }
  const pages = Math.floor((k.node.managedPages * parameters.overwriterPercent) / 100);
  for (let i = 0; i < overwriters; i++) {
    const overwrite = { inode, pages: 8, cached: true };
    const sleepUs = 1_000 + k.prng.below(5_000);
    addProgram(k, { comm: `server-${i}` }, grown(pages, writer({ ...overwrite, sleepUs })));
  }
}
