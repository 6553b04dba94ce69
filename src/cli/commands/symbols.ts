// stallcore symbols: symbols by name, address and pattern.

import type { Argv } from 'yargs';
import {
  symbolsResult,
  type SymbolsAnswer,
  type SymbolsResult,
} from '../../kernel/symbols-result.ts';
import { symbolsTable } from '../../report/symbols.ts';
import { columnText } from '../../report/table.ts';
import { NOT_KEPT } from '../../target/packed.ts';
import { InvalidError } from '../../util/errors.ts';
import { optional } from '../../util/optional.ts';
import { EXIT_PARTIAL, EXIT_USAGE } from '../exit.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, remark, withProblems } from '../output.ts';
import { UsageError } from '../usage.ts';
import { vmcoreAndWords } from '../vmcore-words.ts';

const SYMBOLS_OPTIONS = {
  type: {
    type: 'string',
    requiresArg: true,
    describe: 'symbols of these letters of nm(1): tT is text, dDbB data',
  },
  module: {
    type: 'string',
    requiresArg: true,
    describe: 'symbols of this module; kernel for those of the kernel image',
  },
} as const;

const DETAILS = `stallcore symbols VMCORE [NAME|ADDRESS|PATTERN…]

By name, schedule or schedule+0x10; by an address in them, 0x… or 16 hex digits; by a pattern,
'*_lock'; by a regular expression, '/^oom_/'. Without any of these all symbols.`;

const EXPECTED = 'VMCORE [NAME|ADDRESS|PATTERN…]';

/** Adds the verb. */
export function addSymbols(cli: Argv, state: RunState): void {
  cli.command(
    'symbols [vmcore..]',
    'VMCORE [NAME|ADDRESS|PATTERN…]: symbols, those of modules too',
    (verb) => withOpenOptions(verb).options(SYMBOLS_OPTIONS).epilogue(DETAILS),
    async (args) => {
      const { files, words } = vmcoreAndWords(args.vmcore, { least: 0, expected: EXPECTED });
      let answers: SymbolsResult['answers'] = [];
      await onVmcore({ ...args, vmcore: files }, state, (vmcore) => {
        const filter = { ...optional('letters', args.type), ...optional('module', args.module) };
        const result = asked(() => symbolsResult(vmcore, words, filter));
        if (args.json) printJson(withProblems(result, vmcore.problems));
        else printSymbols(result);
        for (const text of result.answers.flatMap(notFound)) remark(text);
        ({ answers } = result);
      });
      const found = answers.some(({ symbols }) => symbols.length > 0);
      if (answers.some(({ isPartial }) => isPartial)) state.exitCode = EXIT_PARTIAL;
      else if (!found && words.length > 0) state.exitCode = EXIT_USAGE;
    },
  );
}

function asked(look: () => SymbolsResult): SymbolsResult {
  try {
    return look();
  } catch (error) {
    throw error instanceof InvalidError ? new UsageError(`symbols: ${error.message}`) : error;
  }
}

/** Never drawn as a table on a terminal: a list of symbols is for grep. */
function printSymbols(result: SymbolsResult): void {
  if (result.answers.some(({ symbols }) => symbols.length > 0)) {
    print(columnText(symbolsTable(result)));
  }
}

function notFound({ asked: word, by, symbols, isPartial }: SymbolsAnswer): string[] {
  if (isPartial === true) return notKept(word, by);
  if (symbols.length > 0) return [];
  return [by === 'address' ? `no symbol covers ${word}` : `no symbol ${word ?? 'at all'}`];
}

/** Of a packed dump. What has no name is no problem of the dump, and is told here alone. */
function notKept(word: string | undefined, by: SymbolsAnswer['by']): string[] {
  if (by === 'name') return [];
  const what = by === 'address' ? `a symbol that covers ${word}` : `${word ?? 'symbols'}: others`;
  return [`${what} may have been ${NOT_KEPT}`];
}
