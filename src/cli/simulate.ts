// What `stallcore simulate` does: hands types and a file to the simulation, and sums up the run.

import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import {
  chromeTraceText,
  findScenario,
  FLAVOURS,
  ledgerPieces,
  machineBounds,
  parseRemedy,
  PATCH_NAMES,
  patchVersion,
  REMEDIES,
  SCENARIOS,
  simulate,
  systemMap,
  VMCORE_FORMATS,
  writeSimulation,
  type FlavourName,
  type Knobs,
  type PatchName,
  type RemedyOptions,
  type Scenario,
  type Simulation,
  type TraceChoice,
  type VmcoreFormat,
} from '../sim/simulate.ts';
import { optional } from '../util/optional.ts';
import { nearestName, oneOf } from './near-name.ts';
import { progress } from './output.ts';
import { simulatedTypes } from './simulated-types.ts';
import { simulationSummary, type Written } from './simulation-summary.ts';
import { checkPlace, UnfinishedFiles, writeTextFile, writeTextPieces } from './unfinished-files.ts';
import { UsageError } from './usage.ts';

export type { Knobs } from '../sim/simulate.ts';

/** What a vmcore looks like unless told. */
const FLAVOUR_DEFAULT = '6.1-kmallocwd';

/** What the user chose. */
export interface SimulateOptions {
  readonly path: string;
  /** A name of VMCORE_FORMATS. */
  readonly format: string;
  /** Wraps each file into an lz4 frame. */
  readonly lz4: boolean;
  readonly seed: number;
  /** The kernel that the scenario needs, in the shape of {@link FLAVOUR_DEFAULT}, unless told. */
  readonly flavour: string | undefined;
  /** A name of PATCH_NAMES; what the flavour has unless told. */
  readonly patch: string | undefined;
  readonly kmallocwd: number;
  readonly knobs: Partial<Knobs>;
  readonly unfiltered: boolean;
  /** NAME or NAME=VALUE, of REMEDIES. */
  readonly remedies: readonly string[];
  /** Where a trace goes, if one is wanted. */
  readonly trace?: { readonly path: string; readonly of: TraceChoice };
  /** Seconds after which the machine is dumped once more, to `path.again`. */
  readonly again?: number;
}

/** In seconds; beyond it the simulation's timers could not count to the end. */
const SYSCTL_MAX = 2 ** 32 - 1;

/** Of the column of names. */
const REMEDY_WIDTH = 27;

/** The text of `simulate --list`: scenarios, versions of the patch, and remedies. */
export function listScenarios(): string {
  const width = Math.max(...SCENARIOS.map(({ name }) => name.length)) + 2;
  const scenarios = SCENARIOS.toSorted((a, b) => classNumber(a) - classNumber(b)).map(
    ({ name, about }) => `${name.padEnd(width)}${about}\n`,
  );
  const remedies = REMEDIES.map(({ name, about, seed }) => {
    return `  ${name.padEnd(REMEDY_WIDTH)}${about} (seed ${seed})\n`;
  });
  const patches = `--patch takes: ${PATCH_NAMES.join(', ')}\n`;
  return `${scenarios.join('')}\n${patches}\n--remedy takes:\n${remedies.join('')}`;
}

/** 1 of D1; whose class the seed decides comes last. */
function classNumber({ diagnosis }: Scenario): number {
  return diagnosis === undefined ? Infinity : Number(diagnosis.slice(1));
}

/** @throws UsageError if there is no such scenario */
export function scenarioNamed(given: string): Scenario {
  const names = SCENARIOS.map(({ name }) => name);
  const hint = 'try: stallcore simulate --list';
  return findScenario(oneOf(names, { verb: 'simulate', what: 'scenario', given, hint }))!;
}

/**
 * Runs a scenario and writes `path` and `path.ledger.json`; `path.System.map` as well where
 * nothing in the vmcore leads to its symbols.
 *
 * @returns a summary
 * @throws UsageError if there is no such scenario, format or version of the patch
 */
export function simulateToFile(name: string, options: SimulateOptions): string {
  const scenario = scenarioNamed(name);
  const { seed, kmallocwd, knobs, unfiltered, path, trace } = options;
  const flavourName = flavourNamed(options.flavour);
  const format = oneOf(VMCORE_FORMATS, { verb: 'simulate', what: 'format', given: options.format });
  const { flavour } = FLAVOURS[flavourName ?? FLAVOUR_DEFAULT];
  const asReleased = flavourName !== undefined;
  const patch = patchOf(flavourName, options.patch);
  checkTimeout(kmallocwd, patch);
  const tried = remediesNamed(options.remedies);
  checkPlace(path);
  if (trace !== undefined) checkTracePlace(trace.path, path);
  const types = simulatedTypes(patch, flavour.name);
  checkMachine({ scenario, seed, knobs, types });
  keepHeapSmall(knobs.idleTasks ?? 0);
  const run = simulate({
    ...{ scenario, seed, flavour, asReleased, patch, kmallocwd, knobs, unfiltered, types },
    ...tried,
    ...(trace === undefined ? {} : { trace: trace.of }),
    ...optional('again', options.again),
    onProgress: progress(scenario.name),
  });
  const files = writeDump(run, { ...options, format });
  const others = [ledgerPath(path)];
  const again =
    run.again === undefined
      ? undefined
      : writeDump(run.again, { ...options, path: `${path}.again`, format });
  if (again !== undefined) others.push(ledgerPath(`${path}.again`));
  if (trace !== undefined && run.trace !== undefined) {
    others.push(trace.path);
    writeTextFile(trace.path, chromeTraceText(run.trace));
  }
  const { remedies } = options;
  const asked = { scenario, remedies, trace: trace?.of };
  return simulationSummary(run, asked, { ...files, ...optional('again', again), others });
}

/** One dump of a run, or the second one. */
type Dump = Pick<Simulation, 'image' | 'ledger'>;

/** Writes a vmcore, its ledger beside it, and the System.map where a reader needs that. */
function writeDump(
  dump: Dump,
  options: { path: string; format: VmcoreFormat; lz4: boolean },
): Pick<Written, 'vmcores' | 'map'> {
  const { path } = options;
  const vmcores = writeVmcore(dump, options);
  writeTextPieces(ledgerPath(path), ledgerPieces(dump.ledger));
  return { vmcores, ...writeMap(dump, path) };
}

/** From here on the machine itself takes hundreds of MiB. */
const TASKS_MANY = 10_000;

/**
 * V8 lets its heap grow to twice or more of what lives before it collects; of a machine with many
 * tasks that is more memory than the image of it.
 */
function keepHeapSmall(idleTasks: number): void {
  if (idleTasks >= TASKS_MANY) setFlagsFromString('--heap-growing-percent=30');
}

/**
 * The kernel must know of the CPUs; what belongs to them, and the stacks and more of idle threads,
 * must leave memory for others.
 *
 * @throws UsageError that names the option, and the bound
 */
export function checkMachine(machine: Parameters<typeof machineBounds>[0]): void {
  const { knobs, ...most } = machineBounds(machine);
  const { cpus, ramMiB, idleTasks = 0 } = knobs;
  const refuse = (option: string, limit: string): never => {
    throw new UsageError(`simulate: ${option}: ${limit}`);
  };
  if (cpus > most.nrCpus) {
    refuse(`--cpus ${cpus}`, `this kernel has NR_CPUS=${most.nrCpus} (see --flavour)`);
  }
  const holds = (count: number): string => `${ramMiB} MiB hold at most ${count} (see --ram)`;
  if (cpus > most.cpus) refuse(`--cpus ${cpus}`, holds(most.cpus));
  if (idleTasks > most.idleTasks) refuse(`--idle-tasks ${idleTasks}`, holds(most.idleTasks));
}

/** Writes the System.map where nothing in the vmcore leads to its symbols. */
function writeMap(run: Dump, path: string): Pick<Written, 'map'> {
  const text = systemMap(run);
  if (text === undefined) return {};
  const map = `${path}.System.map`;
  writeTextFile(map, text);
  return { map };
}

/** @throws UsageError if there is no such flavour */
export function flavourNamed(given: string | undefined): FlavourName | undefined {
  if (given === undefined) return undefined;
  const names = Object.keys(FLAVOURS) as FlavourName[];
  return oneOf(names, { verb: 'simulate', what: 'flavour', given });
}

/** As `memalloc --format` spells them, and the version that is an earlier one mailed again. */
const PATCH_ALIASES: Readonly<Record<string, PatchName>> = {
  draft: 'v4-draft',
  v6: 'v5',
  rfc2: 'rfc-v2',
};

/** The flavour's own unless told. */
function patchOf(flavour: FlavourName = FLAVOUR_DEFAULT, given: string | undefined): PatchName {
  const own = FLAVOURS[flavour].patch;
  const known = PATCH_ALIASES[given ?? ''] ?? given;
  const chosen =
    known === undefined
      ? own
      : oneOf(PATCH_NAMES, { verb: 'simulate', what: 'patch', given: known });
  // Its types come from a layout file, and a dump finds that file by its banner.
  if (flavour === '4.4' && chosen !== own) {
    throw new UsageError(`simulate: --flavour 4.4 has the patch ${own}, not ${chosen}`);
  }
  return chosen;
}

/** A parameter of the kernel command line is an unsigned long; what a sysctl takes is smaller. */
function checkTimeout(seconds: number, patch: PatchName): void {
  const knob = patchVersion(patch).reporter?.knob ?? 'kmallocwd';
  if (knob === 'kmallocwd' || seconds <= SYSCTL_MAX) return;
  throw new UsageError(`simulate: --patch ${patch}: ${knob} is at most ${SYSCTL_MAX}`);
}

/** All of them together. */
function remediesNamed(texts: readonly string[]): RemedyOptions {
  const chosen = texts.map(remedyNamed);
  return chosen.reduce<RemedyOptions>(
    (all, { features, remedies }) => ({
      features: { ...all.features, ...features },
      remedies: { ...all.remedies, ...remedies },
    }),
    { features: {}, remedies: {} },
  );
}

function remedyNamed(text: string): RemedyOptions {
  const remedy = parseRemedy(text);
  if (remedy !== undefined) return remedy;
  const names = REMEDIES.map(({ name, value }) => (value === undefined ? name : `${name}=SECS`));
  const given = text.split('=', 1)[0] ?? '';
  const known = REMEDIES.find(({ name }) => name === given);
  if (known === undefined) {
    const near = nearestName(
      REMEDIES.map(({ name }) => name),
      given,
    );
    const meant = near === undefined ? '' : `; did you mean ${near}?`;
    throw new UsageError(`simulate: no remedy ${text}${meant} (there are: ${names.join(', ')})`);
  }
  const takes = known.value === undefined ? 'takes no value' : 'takes seconds from 1 to 999999';
  throw new UsageError(`simulate: --remedy ${text}: ${given} ${takes}`);
}

/** Of the files of a run: the vmcore or a part of it, and what is written beside it. */
const OWN_SUFFIX = /^(\.again)?(\.\d+|\.ledger\.json|\.System\.map)?$/;

/**
 * @throws UsageError where the trace would be written over the vmcore, one of its parts, or what
 *   is written beside it
 */
function checkTracePlace(tracePath: string, path: string): void {
  checkPlace(tracePath);
  const [given, vmcore] = [resolve(tracePath), resolve(path)];
  if (!given.startsWith(vmcore)) return;
  if (OWN_SUFFIX.test(given.slice(vmcore.length)))
    throw new UsageError(`--trace ${tracePath}: the run itself is written to that file`);
}

function ledgerPath(path: string): string {
  return `${path}.ledger.json`;
}

function writeVmcore(
  run: Dump,
  { path, format, lz4 }: { path: string; format: VmcoreFormat; lz4: boolean },
): string[] {
  const files = new UnfinishedFiles(path);
  try {
    writeSimulation(run, format, (suffix) => files.create(suffix));
    if (lz4) files.wrapAll();
    return files.finish();
  } catch (error) {
    files.discard();
    throw error;
  }
}
