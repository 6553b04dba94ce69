// stallcore pack: a small dump with only what the triage read.

import type { Argv } from 'yargs';
import { packVmcore } from '../../pack/pack.ts';
import type { RunState } from '../main.ts';
import { withOpenOptions } from '../open-options.ts';
import { printJson } from '../output.ts';
import { UnfinishedFiles } from '../unfinished-files.ts';
import { UsageError } from '../usage.ts';
import { packageVersion } from '../version.ts';

/** Adds the verb. */
export function addPack(cli: Argv, _state: RunState): void {
  cli.command(
    'pack [vmcore..]',
    'a small dump with only what the triage read',
    (verb) => withOpenOptions(verb).option('output', { alias: 'o', type: 'string' }),
    async (args) => {
      if (args.output === undefined) throw new UsageError('pack: expected -o FILE');
      const files = new UnfinishedFiles(args.output);
      try {
        const sink = files.create('');
        const result = await packVmcore(args.vmcore, sink, {
          level: 'bytes',
          codec: 'zlib',
          tool: `stallcore ${packageVersion()}`,
        });
        files.finish();
        if (args.json) printJson(result.manifest);
      } catch (error) {
        files.discard();
        throw error;
      }
    },
  );
}
