// One run: boot, scenario, dump, and ten timeouts more to see what becomes of it. This is the front
// of the simulation: the command line sees nothing else of it.

import { sizeOf } from '../types/ctype.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../types/used-structs.ts';
import { assert } from '../util/assert.ts';
import { optional } from '../util/optional.ts';
import { machineFacts } from './facts.ts';
import { codeOfBoth, type KernelCode } from './kernel-code.ts';
import { LINUX_6_1 } from './flavour/linux-6-1.ts';
import { writeContainer, type CreateFile, type VmcoreFormat } from './image/containers.ts';
import { buildMachine, type MachineImage } from './image/machine.ts';
import { systemMapText } from './image/system-map.ts';
import { ledgerAtDump, TIMEOUT_SECONDS_DEFAULT, type Ledger } from './ledger.ts';
import type { Kernel } from './core/kernel.ts';
import type { Knobs } from './scenario.ts';
import {
  hasZoneDma,
  startScenario,
  type MachinePlan,
  type StartedScenario,
} from './start-scenario.ts';
import type { ChromeTrace } from './trace/chrome-trace.ts';
import { StallTrace } from './trace/stall-trace.ts';
import { cpusMax, idleTasksMax } from './mm/free-area-init.ts';
import { fatesSince, rememberMoment, secondsSince, type LedgerFate } from './truth/between.ts';
import { findTruth, takeSnapshot } from './truth/truth.ts';
import type { Snapshot } from './truth/wait-graph.ts';
import { patchFacts } from './watchdog/patch-facts.ts';

export { VMCORE_FORMATS, type VmcoreFormat } from './image/containers.ts';
export { FLAVOURS, type FlavourName, type NamedFlavour } from './flavour/flavours.ts';
export type { Knobs, Scenario } from './scenario.ts';
export { findScenario, SCENARIOS } from './scenarios/list.ts';
export { PATCH_NAMES, patchVersion } from './watchdog/patch-versions.ts';
export type { PatchName } from './watchdog/patch-version.ts';
export type { LedgerFate, TaskFate } from './truth/between.ts';
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
  /** Dumps the machine once more, so many seconds after the first dump. */
  readonly again?: number;
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
  readonly again?: SecondDump;
}

/** The same machine, dumped again. */
export interface SecondDump {
  readonly image: MachineImage;
  readonly ledger: SecondLedger;
}

/** The truth about the second dump, and about the time since the first. */
export interface SecondLedger extends Ledger {
  readonly since: {
    readonly seconds: number;
    /** In the order of `tasks`, those that have gone behind them. */
    readonly tasks: readonly LedgerFate[];
  };
}

/** Runs a scenario. The same options give the same memory and the same ledger. */
export function simulate(options: SimulationOptions): Simulation {
  const { kmallocwd, again } = options;
  const code = again === undefined ? undefined : codeOfBoth(options, again);
  const { kernel, scenario, knobs } = startScenario(options);
  for (const name of code?.functions ?? []) kernel.functions.add(name);
  const tracer = startTrace(kernel, options.trace);
  const seconds = options.judgedBy ?? judgedBySeconds(kmallocwd);
  const dumps = [knobs.dumpSeconds, ...(again === undefined ? [] : [knobs.dumpSeconds + again])];
  const ends = dumps.map((at) => at + TIMEOUTS_AFTER * seconds);
  const total = Math.max(...dumps, ...ends);
  const runTo = (end: number): void => runSeconds(kernel, { end, total, ...options });
  const dumper = new Dumper(options, { kernel, scenario, knobs, code, seconds });
  runTo(knobs.dumpSeconds);
  const trace = tracer?.finish();
  const first = dumper.dump(knobs.dumpSeconds);
  const second =
    again === undefined ? undefined : dumpAgain(dumper, kernel, { first, again, runTo });
  runTo(Math.max(ends[0]!, ...dumps));
  const run = { image: first.image, ledger: dumper.judge(first), ...optional('trace', trace) };
  if (second === undefined) return run;
  runTo(total);
  const ledger = { ...dumper.judge(second), since: second.since };
  return { ...run, again: { image: second.image, ledger } };
}

/** Runs on to the second dump, and remembers what became of each task until then. */
function dumpAgain(
  dumper: Dumper,
  kernel: Kernel,
  { first, again, runTo }: { first: Dumped; again: number; runTo: (end: number) => void },
): Dumped & Pick<SecondLedger, 'since'> {
  const moment = rememberMoment(kernel);
  const at = first.ledger.knobs.dumpSeconds + again;
  runTo(at);
  const since = { seconds: secondsSince(kernel, moment), tasks: fatesSince(kernel, moment) };
  return { ...dumper.dump(at, first.image), since };
}

/** An instant, of which the future has still to be seen. */
interface Dumped {
  readonly image: MachineImage;
  readonly ledger: Omit<Ledger, 'truth'>;
  readonly snapshot: Snapshot;
}

/** The machine and how it is judged. */
interface RunToDump extends StartedScenario {
  readonly code: KernelCode | undefined;
  /** A tenth of what it runs on for. */
  readonly seconds: number;
}

/** Dumps a machine, and judges a dump later. */
class Dumper {
  readonly #options: SimulationOptions;
  readonly #run: RunToDump;

  constructor(options: SimulationOptions, run: RunToDump) {
    this.#options = options;
    this.#run = run;
  }

  /** @param former what the first dump has, where this is the second */
  dump(dumpSeconds: number, former?: MachineImage): Dumped {
    const { kernel, scenario, knobs, code, seconds } = this.#run;
    const { seed, kmallocwd, types, flavour = LINUX_6_1, unfiltered = false } = this.#options;
    const about = { scenario: scenario.name, seed, flavour };
    const facts = machineFacts(kernel, { ...about, ...optional('otherFrames', code?.frames) });
    const image = buildMachine(facts, {
      types,
      flavour: flavour.image,
      patch: patchFacts(kernel),
      btfNames: USED_TYPES,
      btfEnumerators: USED_ENUMERATORS,
      unfiltered,
      ...optional('former', former),
    });
    const run = { scenario, seed, knobs: { ...knobs, dumpSeconds, kmallocwd }, kernel, image };
    const ledger = ledgerAtDump(run);
    return { image, ledger, snapshot: takeSnapshot(kernel, seconds * knobs.hz) };
  }

  /** By what the machine has come to since. */
  judge({ ledger, snapshot }: Dumped): Ledger {
    const { kernel, seconds } = this.#run;
    const judged = seconds === ledger.timeoutSeconds ? {} : { judgedBySeconds: seconds };
    return { ...ledger, ...judged, truth: findTruth(kernel, snapshot) };
  }
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
  { image }: Pick<Simulation, 'image'>,
  format: VmcoreFormat,
  create: CreateFile,
): string[] {
  return writeContainer(image, format, create);
}

/**
 * System.map of the run's kernel, where VMCOREINFO does not name kallsyms, as before Linux 6.0:
 * tools that do not search for its tables need the file.
 */
export function systemMap({ image }: Pick<Simulation, 'image'>): string | undefined {
  const isNamed = Buffer.from(image.vmcoreinfo).includes('SYMBOL(kallsyms_names)=');
  return isNamed ? undefined : systemMapText(image);
}
