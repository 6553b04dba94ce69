// stallcore simulate: runs the simulated kernel into a stall, and writes its vmcore and the truth.

import type { Argv } from 'yargs';
import { EXIT_DONE } from '../exit.ts';
import type { RunState } from '../main.ts';
import { print } from '../output.ts';
import type { Knobs, SimulateOptions } from '../simulate.ts';
import { UsageError } from '../usage.ts';

const SEED_MAX = 2 ** 32 - 1;
/** NR_CPUS of the 4.4 kernel. That of 6.1 is larger, and with the patch it is 64. */
const CPUS_MAX = 256;
/** ULONG_MAX: what kstrtoul() takes. */
const KMALLOCWD_MAX = 2n ** 64n - 1n;
const HZ_CHOICES = [100, 250, 300, 1000] as const;

/** The watchdog as a hook, as seed 002 wants it. */
const TRACE_OPTIONS = {
  trace: {
    type: 'string',
    describe: 'where a trace of the stalls goes, which kmallocwd switches on and off (JSON)',
  },
  'trace-all': { type: 'boolean', default: false, describe: 'with --trace: of the whole run' },
} as const;

/** What a user may turn of a scenario, where it is a number. */
const KNOB_OPTIONS = {
  'dump-at': { type: 'number', describe: 'when the dump is taken: seconds of uptime, 1 to 86400' },
  ram: { type: 'number', describe: 'in MiB, 64 to 1048576' },
  cpus: { type: 'number', describe: `1 to ${CPUS_MAX}, with a 6.1-kmallocwd to 64` },
  hz: { type: 'number', describe: `CONFIG_HZ: ${HZ_CHOICES.join(', ')}` },
  again: {
    type: 'number',
    describe: 'dump once more so many seconds later, to FILE.again: a pair for compare; 1 to 3600',
  },
  'idle-tasks': { type: 'number', describe: 'threads that wait besides, 0 to 200000' },
} as const;

/** What the seeds propose against stalls. */
const REMEDY_OPTIONS = {
  remedy: {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    describe: 'a change against the stall, NAME or NAME=SECONDS of --list; may be repeated',
  },
  'compare-remedies': {
    type: 'string',
    array: true,
    describe:
      'run these scenarios, else all that stall, with each remedy (a minute and more for each ' +
      'scenario); print a table, no vmcore',
  },
} as const;

/** Which run. */
const RUN_OPTIONS = {
  list: { type: 'boolean', default: false, describe: 'what there is to simulate' },
  output: { alias: 'o', type: 'string', describe: 'where the vmcore goes' },
  seed: { type: 'number', default: 1, describe: 'one seed, one run; 0 to 4294967295' },
  flavour: {
    // 4.4 is no number.
    type: 'string',
    describe:
      '6.1-kmallocwd, 6.1 or 4.4 as released, which may lack what the stall needs (4.4 has the ' +
      'patch v3, and its System.map goes beside the vmcore); unless told a 6.1-kmallocwd that ' +
      'has what the scenario needs',
  },
  kmallocwd: {
    // Beyond 2^53 a number would not be what was written.
    type: 'string',
    default: '10',
    describe:
      'the boot parameter: seconds until the watchdog reports, 0 for no watchdog, to ' +
      `${KMALLOCWD_MAX} (an unsigned long)`,
  },
  patch: {
    type: 'string',
    describe: 'the version of the kmallocwd patch (--list names them), or none',
  },
} as const;

/** What is written. */
const FILE_OPTIONS = {
  format: {
    type: 'string',
    default: 'kdump',
    describe:
      'of the vmcore: kdump[-zlib|-lzo|-snappy|-zstd|-plain], elf, flattened[-elf], ' +
      'split (FILE.1, FILE.2), raw',
  },
  lz4: {
    type: 'boolean',
    default: false,
    describe: 'wrap the vmcore into an lz4 frame',
  },
  unfiltered: {
    type: 'boolean',
    default: false,
    describe: "all of RAM, free and users' pages too, as before makedumpfile",
  },
} as const;

/** Adds the verb. */
export function addSimulate(cli: Argv, state: RunState): void {
  cli.command(
    'simulate [scenario]',
    'run the simulated kernel into a stall; write its vmcore and the truth beside it',
    (verb) =>
      verb
        .positional('scenario', { type: 'string', describe: 'a name of --list' })
        .options(RUN_OPTIONS)
        .options(FILE_OPTIONS)
        .options(TRACE_OPTIONS)
        .options(REMEDY_OPTIONS)
        .options(KNOB_OPTIONS),
    async (args) => {
      // Nobody who reads dumps is to wait for the simulation to load.
      const { listScenarios, scenarioNamed, simulateToFile } = await import('../simulate.ts');
      if (args.list) {
        print(listScenarios());
        return;
      }
      const { scenario } = args;
      if (args['compare-remedies'] !== undefined) {
        refuseUnused(args);
        const { printComparison } = await import('../compare-remedies.ts');
        const named = scenario === undefined ? [] : [scenario];
        await printComparison([...named, ...args['compare-remedies']], {
          seed: wholeNumber('--seed', args.seed),
          kmallocwd: comparedTimeout(args.kmallocwd),
          flavour: args.flavour,
          knobs: knobsOf(args),
        });
        state.exitCode = EXIT_DONE;
        return;
      }
      if (scenario === undefined) {
        throw new UsageError('simulate: expected a scenario (try: stallcore simulate --list)');
      }
      // What is misspelt is named before what is missing.
      scenarioNamed(scenario);
      print(
        simulateToFile(scenario, {
          path: oneFile('-o', args.output) ?? missing('-o FILE'),
          format: args.format,
          lz4: args.lz4,
          unfiltered: args.unfiltered,
          remedies: args.remedy,
          seed: wholeNumber('--seed', args.seed),
          flavour: args.flavour,
          kmallocwd: timeoutSeconds(args.kmallocwd),
          patch: args.patch,
          ...traceOption(args),
          ...knob('again', '--again', args.again, [1, 3600]),
          knobs: knobsOf(args),
        }),
      );
      state.exitCode = EXIT_DONE;
    },
  );
}

/** What yargs makes of some options. */
type Given<T> = Readonly<Partial<Record<keyof T, unknown>>>;

/** The table is of many runs, each with a remedy of its own, and no vmcore is written. */
function refuseUnused(
  args: Given<typeof FILE_OPTIONS & typeof TRACE_OPTIONS> & {
    output?: unknown;
    patch?: unknown;
    remedy: readonly string[];
    again?: unknown;
  },
): void {
  const given: readonly [option: string, isGiven: boolean][] = [
    ['-o', args.output !== undefined],
    ['--patch', args.patch !== undefined],
    ['--remedy', args.remedy.length > 0],
    ['--format', args.format !== FILE_OPTIONS.format.default],
    ['--lz4', args.lz4 === true],
    ['--unfiltered', args.unfiltered === true],
    ['--trace', args.trace !== undefined],
    ['--trace-all', args['trace-all'] === true],
    ['--again', args.again !== undefined],
  ];
  const names = given.flatMap(([option, isGiven]) => (isGiven ? [option] : []));
  if (names.length === 0) return;
  throw new UsageError(`simulate: --compare-remedies takes no ${names.join(', ')}`);
}

function knobsOf(
  args: Readonly<Record<Exclude<keyof typeof KNOB_OPTIONS, 'again'>, number | undefined>>,
): Partial<Knobs> {
  return {
    ...knob('dumpSeconds', '--dump-at', args['dump-at'], [1, 86_400]),
    ...knob('ramMiB', '--ram', args.ram, [64, 1 << 20]),
    ...knob('cpus', '--cpus', args.cpus, [1, CPUS_MAX]),
    ...knob('idleTasks', '--idle-tasks', args['idle-tasks'], [0, 200_000]),
    ...hzKnob(args.hz),
  };
}

/** An option that was given twice comes as a list, one without a name as an empty text. */
function oneFile(option: string, given: unknown): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string' && given !== '') return given;
  throw new UsageError(`simulate: ${option}: expected the name of one file`);
}

function missing(option: string): never {
  throw new UsageError(`simulate: expected ${option}`);
}

function traceOption(args: {
  trace: unknown;
  'trace-all': boolean;
}): Pick<SimulateOptions, 'trace'> {
  const path = oneFile('--trace', args.trace);
  if (path !== undefined) return { trace: { path, of: args['trace-all'] ? 'all' : 'stalls' } };
  return args['trace-all'] ? missing('--trace FILE beside --trace-all') : {};
}

function hzKnob(given: number | undefined): Partial<Knobs> {
  if (given === undefined) return {};
  const hz = HZ_CHOICES.find((each) => each === given);
  if (hz !== undefined) return { hz };
  throw new UsageError(`--hz: expected one of ${HZ_CHOICES.join(', ')}`);
}

/** The truth is found by running on for ten timeouts: there must be one. */
function comparedTimeout(seconds: string): number {
  return wholeNumber('--kmallocwd', Number(seconds), [1, 1_000]);
}

/** Above 2^53 the parameter must be one of the numbers that the simulation can keep. */
function timeoutSeconds(given: string): number {
  const isWhole = /^[0-9]+$/.test(given);
  if (!isWhole || BigInt(given) > KMALLOCWD_MAX) {
    throw new UsageError(`--kmallocwd: expected a whole number from 0 to ${KMALLOCWD_MAX}`);
  }
  const seconds = Number(given);
  if (Number.isSafeInteger(seconds) || String(seconds) === given) return seconds;
  const limit = Number.MAX_SAFE_INTEGER;
  throw new UsageError(`--kmallocwd: above ${limit} only round numbers, as 10000000000000000`);
}

type Range = readonly [least: number, most: number];

/** What the user said of a knob; nothing where the scenario's own is to hold. */
function knob<K extends string>(
  name: K,
  option: string,
  value: number | undefined,
  range: Range,
): Partial<Record<K, number>> {
  if (value === undefined) return {};
  return { [name]: wholeNumber(option, value, range) } as Record<K, number>;
}

function wholeNumber(option: string, value: number, [least, most]: Range = [0, SEED_MAX]): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`${option}: expected a whole number from ${least} to ${most}`);
}
