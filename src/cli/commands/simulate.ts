// stallcore simulate: runs the simulated kernel into a stall, and writes its vmcore and the truth.

import type { Argv } from 'yargs';
import { EXIT_DONE } from '../exit.ts';
import type { RunState } from '../main.ts';
import { print } from '../output.ts';
import { UsageError } from '../usage.ts';

const SEED_MAX = 2 ** 32 - 1;

/** Adds the verb. */
export function addSimulate(cli: Argv, state: RunState): void {
  cli.command(
    'simulate [scenario]',
    'run the simulated kernel into a stall; write its vmcore and the truth beside it',
    (verb) =>
      verb
        .positional('scenario', { type: 'string', describe: 'a name of --list' })
        .option('list', { type: 'boolean', default: false, describe: 'what there is to simulate' })
        .option('output', { alias: 'o', type: 'string', describe: 'where the vmcore goes' })
        .option('seed', { type: 'number', default: 1, describe: 'one seed, one run' })
        .option('kmallocwd', {
          type: 'number',
          default: 10,
          describe: 'the boot parameter: seconds until the watchdog reports, 0 for no watchdog',
        })
        .option('format', {
          type: 'string',
          default: 'kdump',
          describe:
            'of the vmcore: kdump[-zlib|-lzo|-snappy|-zstd|-plain], elf, flattened[-elf], ' +
            'split (FILE.1, FILE.2), raw',
        })
        .option('lz4', {
          type: 'boolean',
          default: false,
          describe: 'wrap the vmcore into an lz4 frame',
        })
        .option('unfiltered', {
          type: 'boolean',
          default: false,
          describe: "all of RAM, free and users' pages too, as before makedumpfile",
        })
        .option('dump-at', {
          type: 'number',
          describe: 'when the dump is taken: seconds of uptime',
        }),
    async (args) => {
      // Nobody who reads dumps is to wait for the simulation to load.
      const { listScenarios, simulateToFile } = await import('../simulate.ts');
      if (args.list) {
        print(listScenarios());
        return;
      }
      const { scenario, output, format } = args;
      if (scenario === undefined) {
        throw new UsageError('simulate: expected a scenario (try: stallcore simulate --list)');
      }
      if (output === undefined) throw new UsageError('simulate: expected -o FILE');
      const dumpAt = args['dump-at'];
      print(
        simulateToFile(scenario, {
          path: output,
          format,
          lz4: args.lz4,
          unfiltered: args.unfiltered,
          seed: wholeNumber('--seed', args.seed),
          kmallocwd: wholeNumber('--kmallocwd', args.kmallocwd),
          ...(dumpAt === undefined ? {} : { dumpSeconds: wholeNumber('--dump-at', dumpAt) }),
        }),
      );
      state.exitCode = EXIT_DONE;
    },
  );
}

function wholeNumber(option: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= SEED_MAX) return value;
  throw new UsageError(`${option}: expected a whole number from 0 to ${SEED_MAX}`);
}
