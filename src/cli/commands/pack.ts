// stallcore pack: a small dump with only what triage and compare read of it.

import { setFlagsFromString } from 'node:v8';
import type { Argv } from 'yargs';
import { packVmcore, type PackOptions, type PackResult } from '../../pack/pack.ts';
import { verifyPacked } from '../../pack/verify.ts';
import { packText } from '../../report/pack.ts';
import { PACK_LEVELS } from '../../target/pack-manifest.ts';
import { Problems } from '../../util/problems.ts';
import { EXIT_BUG, EXIT_DONE, EXIT_PARTIAL } from '../exit.ts';
import type { RunState } from '../main.ts';
import { openOptionsOf, withOpenOptions, type OpenArguments } from '../open-options.ts';
import { print, printJson, remark, remarkProblems } from '../output.ts';
import { timeoutOf, withTimeout, type TimeoutArguments } from '../timeout-option.ts';
import { isSameFile, UnfinishedFiles } from '../unfinished-files.ts';
import { UsageError } from '../usage.ts';
import { packageVersion } from '../version.ts';

const CODECS = ['zlib', 'lzo', 'snappy', 'zstd'] as const;

const PACK_OPTIONS = {
  output: { alias: 'o', type: 'string', describe: 'where the packed dump goes' },
  level: {
    choices: PACK_LEVELS,
    default: 'bytes',
    describe:
      'what is kept: the bytes that were read, whole pages, or also what other verbs, crash and ' +
      'drgn need to list tasks and their stacks',
  },
  compression: { choices: CODECS, default: 'zlib', describe: 'how pages are packed' },
  elf: { type: 'boolean', default: false, describe: 'an ELF file in place of a kdump file' },
  'no-log': { type: 'boolean', default: false, describe: "leave the kernel's log out" },
  'mask-comm': {
    type: 'boolean',
    default: false,
    describe:
      "give users' tasks other names, and the host, memory cgroups and the dump's file; leaves " +
      'the log out, which has such names too',
  },
  verify: {
    type: 'boolean',
    default: false,
    describe: 'open the packed dump and fail unless it gives the same triage',
  },
} as const;

/** Adds the verb. */
export function addPack(cli: Argv, state: RunState): void {
  cli.command(
    'pack [vmcore..]',
    'a small dump with only what triage and compare read, to be sent out',
    (verb) => withTimeout(withOpenOptions(verb)).options(PACK_OPTIONS),
    async (args) => {
      const output = outputOf(args);
      // A triage of 100,000 tasks leaves much behind, and all that was read is kept beside it: a
      // heap that may double between two collections would take more than 1 GiB.
      setFlagsFromString('--heap-growing-percent=10');
      const problems = new Problems();
      const files = new UnfinishedFiles(output);
      try {
        const options = packOptionsOf(args, problems);
        const result = await packVmcore(args.vmcore, files.create(''), options);
        const difference = args.verify
          ? await verifyPacked(files.unfinishedPath(''), result, options)
          : undefined;
        if (difference !== undefined) {
          files.discard();
          remark(`bug in stallcore: the packed dump gives another triage: ${difference}`);
          state.exitCode = EXIT_BUG;
          return;
        }
        files.finish();
        tell(result, args);
        if (!args.json) remarkProblems(problemsOf(result));
        state.exitCode = result.problems.length === 0 ? EXIT_DONE : EXIT_PARTIAL;
      } catch (error) {
        files.discard();
        throw error;
      }
    },
  );
}

/** What yargs makes of the options. */
interface PackArguments extends OpenArguments, TimeoutArguments {
  output: string | undefined;
  level: string;
  compression: string;
  elf: boolean;
  'no-log': boolean;
  'mask-comm': boolean;
  verify: boolean;
}

/** @throws UsageError where there is no output, or it is an input */
function outputOf({ vmcore, output }: PackArguments): string {
  if (vmcore.length === 0) throw new UsageError('pack: expected the name of a vmcore');
  if (typeof output !== 'string' || output === '') {
    throw new UsageError('pack: expected -o FILE, the name of one file');
  }
  const input = vmcore.find((path) => isSameFile(path, output));
  if (input !== undefined) throw new UsageError(`pack: -o ${output}: is the dump itself`);
  return output;
}

function packOptionsOf(args: PackArguments, problems: Problems): PackOptions {
  if (args.elf && args.compression !== PACK_OPTIONS.compression.default) {
    throw new UsageError('pack: --compression: an ELF file has no packed pages');
  }
  if (args.level === 'pages' && (args['no-log'] || args['mask-comm'])) {
    const why = 'whole pages have such words wherever the kernel has put them';
    throw new UsageError(`pack: --level pages goes with neither --no-log nor --mask-comm: ${why}`);
  }
  const level = PACK_LEVELS.find((each) => each === args.level);
  const codec = CODECS.find((each) => each === args.compression);
  return {
    level: level ?? 'bytes',
    format: args.elf ? 'elf' : (codec ?? 'zlib'),
    tool: `stallcore ${packageVersion()}`,
    noLog: args['no-log'],
    maskComm: args['mask-comm'],
    open: openOptionsOf(args, problems),
    triage: timeoutOf(args),
  };
}

/** Those of the triage: what other tools would miss is none of this answer's. */
function problemsOf(result: PackResult): Problems {
  const problems = new Problems();
  for (const { subject, message, code } of result.problems) {
    problems.addMessage(subject, message, code);
  }
  return problems;
}

function tell(
  { manifest, type, answer }: PackResult,
  { json, output, verify }: PackArguments,
): void {
  const { verdict } = answer;
  const verified = verify ? { verified: true } : {};
  if (json) printJson({ type, output, ...verified, manifest, verdict });
  else print(packText(manifest, { output: output ?? '', verified: verify }));
}
