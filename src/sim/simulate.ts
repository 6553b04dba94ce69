// One run: boot, scenario, dump, and ten timeouts more to see what becomes of it. This is the front
// of the simulation: the command line sees nothing else of it.

import { sizeOf } from '../types/ctype.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../types/used-structs.ts';
import { assert } from '../util/assert.ts';
import { machineFacts } from './facts.ts';
import { LINUX_6_1 } from './flavour/linux-6-1.ts';
import { writeContainer, type CreateFile, type VmcoreFormat } from './image/containers.ts';
import { buildMachine, type MachineImage } from './image/machine.ts';
import { systemMapText } from './image/system-map.ts';
import { ledgerAtDump, TIMEOUT_SECONDS_DEFAULT, type Ledger } from './ledger.ts';
import type { Kernel } from './core/kernel.ts';
import type { Knobs } from './scenario.ts';
import { hasZoneDma, startScenario, type MachinePlan } from './start-scenario.ts';
import type { ChromeTrace } from './trace/chrome-trace.ts';
import { StallTrace } from './trace/stall-trace.ts';
import { cpusMax, idleTasksMax } from './mm/free-area-init.ts';
import { findTruth, takeSnapshot } from './truth/truth.ts';
import { patchFacts } from './watchdog/patch-facts.ts';

export { VMCORE_FORMATS, type VmcoreFormat } from './image/containers.ts';
export { FLAVOURS, type FlavourName, type NamedFlavour } from './flavour/flavours.ts';
export type { Knobs, Scenario } from './scenario.ts';
export { findScenario, SCENARIOS } from './scenarios/list.ts';
export { PATCH_NAMES, patchVersion } from './watchdog/patch-versions.ts';
export type { PatchName } from './watchdog/patch-version.ts';
export { ledgerPieces, ledgerText } from './ledger-text.ts';
export { featureWords } from './needs.ts';
export { describeTruth } from './truth/describe.ts';
export { hungTasks } from './truth/hung.ts';
export { chromeTraceText } from './trace/chrome-trace.ts';
export { compareRemedies, stallingScenarios, type RemedyRun } from './remedies/compare.ts';
export { parseRemedy, REMEDIES, type RemedyOptions } from './remedies/remedy.ts';

const US_PER_SECOND = 1_000_000;
const MIB = 2 ** 20;
const BITS_PER_BYTE = 8;
/** How many timeouts the machine runs on after the dump. */
const TIMEOUTS_AFTER = 10;
/** A timeout may be longer than anybody waits for: this is how long a machine runs on at most. */
const SECONDS_AFTER_MAX = 1_000;

/** What a run is made from. */
export interface SimulationOptions extends MachinePlan {
  /**
   * Seconds, a tenth of what the machine runs on after the dump; unless told its timeout, or 100
   * where that is longer.
   */
  readonly judgedBy?: number;
  /** All of RAM; else the kernel's pages, as `makedumpfile -d 31` leaves them. */
  readonly unfiltered?: boolean;
  /** Records a trace until the dump. */
  readonly trace?: TraceChoice;
  /** Hears after each simulated second how many have passed, and of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What a trace is of: stalls, as kmallocwd finds them (none with `kmallocwd=0`), or everything. */
export type TraceChoice = 'stalls' | 'all';

/** Simulated milliseconds between two samples, and the most events: a file of about 20 MB. */
const TRACE_SAMPLE_MS = 10;
const TRACE_EVENTS_MAX = 150_000;

/** A finished run. */
export interface Simulation {
  readonly image: MachineImage;
  readonly ledger: Ledger;
  /** Where one was asked for. */
  readonly trace?: ChromeTrace;
}

/** Runs a scenario. The same options give the same memory and the same ledger. */
export function simulate(options: SimulationOptions): Simulation {
  const { seed, kmallocwd, types, flavour = LINUX_6_1 } = options;
  const { kernel, scenario, knobs } = startScenario(options);
  const tracer = startTrace(kernel, options.trace);
  const seconds = options.judgedBy ?? judgedBySeconds(kmallocwd);
  const total = knobs.dumpSeconds + TIMEOUTS_AFTER * seconds;
  const runTo = (end: number): void => runSeconds(kernel, { end, total, ...options });
  runTo(knobs.dumpSeconds);
  const trace = tracer?.finish();
  const image = buildMachine(machineFacts(kernel, { scenario: scenario.name, seed, flavour }), {
    types,
    flavour: flavour.image,
    patch: patchFacts(kernel),
    btfNames: USED_TYPES,
    btfEnumerators: USED_ENUMERATORS,
    unfiltered: options.unfiltered ?? false,
  });
  const run = { scenario, seed, knobs: { ...knobs, kmallocwd }, kernel, image };
  const atDump = ledgerAtDump(run);
  const snapshot = takeSnapshot(kernel, seconds * knobs.hz);
  runTo(total);
  const judged = seconds === atDump.timeoutSeconds ? {} : { judgedBySeconds: seconds };
  const ledger = { ...atDump, ...judged, truth: findTruth(kernel, snapshot) };
  return { image, ledger, ...(trace === undefined ? {} : { trace }) };
}

function judgedBySeconds(kmallocwd: number): number {
  const timeout = kmallocwd === 0 ? TIMEOUT_SECONDS_DEFAULT : kmallocwd;
  return Math.min(timeout, SECONDS_AFTER_MAX / TIMEOUTS_AFTER);
}

/** What the machine of a run may have at most. */
export interface MachineBounds {
  /** What of it the run would have. */
  readonly knobs: Knobs;
  /** NR_CPUS of the kernel: bits of its CPU masks. */
  readonly nrCpus: number;
  /** CPUs that the memory holds what belongs to. */
  readonly cpus: number;
  /** The same of idle threads, beside the CPUs of the run. */
  readonly idleTasks: number;
}

/** How large the machine of a run may be; {@link simulate} asserts that it is not larger. */
export function machineBounds({
  scenario,
  seed,
  knobs: chosen,
  types,
}: Pick<SimulationOptions, 'scenario' | 'seed' | 'knobs' | 'types'>): MachineBounds {
  const { defaults } = scenario.forSeed?.(seed) ?? scenario;
  const knobs = { ...defaults, ...chosen };
  const { ramMiB, cpus: cpuCount } = knobs;
  const memory = { ramBytes: ramMiB * MIB, cpuCount, zoneDma: hasZoneDma(types) };
  const mask = types.find('struct', 'cpumask');
  assert(mask?.kind === 'struct', `${types.origin} has no struct cpumask`);
  return {
    knobs,
    nrCpus: sizeOf(mask) * BITS_PER_BYTE,
    cpus: cpusMax(memory),
    idleTasks: idleTasksMax(memory),
  };
}

/** Runs to that second, in steps of one where somebody wants to hear of them. */
function runSeconds(
  { sched }: Kernel,
  {
    end,
    total,
    onProgress,
  }: { end: number; total: number } & Pick<SimulationOptions, 'onProgress'>,
): void {
  if (onProgress !== undefined) {
    for (let done = Math.floor(sched.now / US_PER_SECOND) + 1; done < end; done++) {
      sched.run(done * US_PER_SECOND);
      onProgress(done, total);
    }
  }
  sched.run(end * US_PER_SECOND);
  onProgress?.(end, total);
}

/** The watchdog is the hook: where it is off, nothing but a trace of everything begins. */
function startTrace(k: Kernel, choice: TraceChoice | undefined): StallTrace | undefined {
  if (choice === undefined) return undefined;
  const off = k.kmallocwdTimeout === 0n ? Infinity : Number(k.kmallocwdTimeout);
  const timeout = choice === 'all' ? undefined : off;
  return new StallTrace(k, { sampleMs: TRACE_SAMPLE_MS, eventsMax: TRACE_EVENTS_MAX, timeout });
}

/** Writes the vmcore, and tells the suffixes of its files. */
export function writeSimulation(
  { image }: Simulation,
  format: VmcoreFormat,
  create: CreateFile,
): string[] {
  return writeContainer(image, format, create);
}

/**
 * System.map of the run's kernel, where nothing in the vmcore leads to its symbols: before Linux
 * 6.0 VMCOREINFO does not name kallsyms.
 */
export function systemMap({ image }: Simulation): string | undefined {
  const isNamed = Buffer.from(image.vmcoreinfo).includes('SYMBOL(kallsyms_names)=');
  return isNamed ? undefined : systemMapText(image);
}
