// stallcore struct: the layout of a type of the dumped kernel, or values of it.

import type { Argv } from 'yargs';
import {
  memberLayout,
  namedType,
  typeLayout,
  type AskedType,
  type NamedType,
} from '../../kernel/struct-layout.ts';
import { parseStructName, structValues } from '../../kernel/struct-result.ts';
import { memberLayoutText, typeLayoutText } from '../../report/struct-layout.ts';
import { structValuesText } from '../../report/struct-value.ts';
import { findInModules } from '../../target/module-types.ts';
import type { Vmcore } from '../../target/index.ts';
import { NO_TYPES_FOUND } from '../../target/no-types.ts';
import { NOT_KEPT } from '../../target/packed.ts';
import { globalType } from '../../types/globals.ts';
import { InvalidError, LookupError } from '../../util/errors.ts';
import type { RunState } from '../main.ts';
import { nearestName } from '../near-name.ts';
import { NotKeptError } from '../not-kept-error.ts';
import { onVmcore, withOpenOptions, type OpenArguments } from '../open-options.ts';
import { print, printJson, withProblems } from '../output.ts';
import { UsageError } from '../usage.ts';
import { vmcoreAndWords } from '../vmcore-words.ts';

const STRUCT_OPTIONS = {
  hex: { alias: 'x', type: 'boolean', default: false, describe: 'integers in base 16' },
  'array-max': {
    type: 'string',
    requiresArg: true,
    coerce: countOf,
    describe: 'elements of an array that are shown, equal neighbours as one; 16 unless told',
  },
} as const;

const DETAILS = `stallcore struct VMCORE NAME[.member,member…] [ADDRESS|SYMBOL|PID…]

NAME is a struct, union, enum or typedef, of a module too. A path of members goes through pointers:
task_struct.signal.oom_mm. ADDRESS is 0x… or 16 hex digits. SYMBOL may be SYMBOL+0x10,
SYMBOL[INDEX], SYMBOL:CPU of per-CPU data, or a pointer to NAME, which is followed. PID means the
task, or what of it NAME is: its mm_struct, signal_struct, …`;

const EXPECTED = 'VMCORE NAME[.member] [ADDRESS|SYMBOL|PID…]';

/** Adds the verb. */
export function addStruct(cli: Argv, state: RunState): void {
  cli.command(
    'struct [vmcore..]',
    'VMCORE NAME: a struct as pahole(1) prints it; its value, with an address, symbol or pid',
    (verb) => withOpenOptions(verb).options(STRUCT_OPTIONS).epilogue(DETAILS),
    (args) => {
      const { files, words } = vmcoreAndWords(args.vmcore, { least: 1, expected: EXPECTED });
      const [name = '', ...targets] = words;
      const { asked, members } = usable(() => parseStructName(name));
      return onVmcore({ ...args, vmcore: files }, state, (vmcore) => {
        const found = findType(vmcore, asked);
        const question = { asked, ...found, members };
        if (targets.length === 0) showLayout(vmcore, question, args);
        else showValues(vmcore, { ...question, targets }, args);
      });
    },
  );
}

/** @throws UsageError for what is no count */
function countOf(given: string): number {
  if (/^[1-9]\d{0,6}$/.test(given)) return Number(given);
  throw new UsageError(`--array-max ${given}: expected how many elements, such as 100`);
}

interface StructArguments extends OpenArguments {
  readonly hex: boolean;
  readonly 'array-max': number | undefined;
}

interface FoundType {
  readonly found: NamedType;
  readonly source: string;
}

/** @throws UsageError with the nearest name, if the kernel and its modules have none of that one */
function findType(vmcore: Vmcore, asked: AskedType): FoundType {
  const own = namedType(vmcore.types, asked);
  if (own !== undefined) return { found: own, source: vmcore.types.origin };
  if (vmcore.types.origin === 'none') throw new LookupError('type', asked.name, NO_TYPES_FOUND);
  if (mayLackType(vmcore, asked)) throw new NotKeptError(`struct: type ${asked.name}: ${NOT_KEPT}`);
  const found = findInModules(vmcore, (types) => {
    const type = namedType(types, asked);
    return type === undefined ? undefined : { found: type, source: types.origin };
  });
  if (found !== undefined) return found;
  const near = nearestName([...(vmcore.types.names?.() ?? [])], asked.name);
  const meant =
    variableHint(vmcore, asked.name) ?? (near === undefined ? '' : `; did you mean ${near}?`);
  throw new UsageError(`struct: no type ${asked.name} (types: ${vmcore.types.origin})${meant}`);
}

/** A variable whose type is known stands for no type. */
function variableHint(vmcore: Vmcore, name: string): string | undefined {
  if (vmcore.symbols.lookup(name) === undefined) return undefined;
  const type = globalType(vmcore.types, name);
  const target = type?.kind === 'pointer' ? type.target : type;
  if (target === undefined || !('name' in target) || target.name === '') return undefined;
  return `; it is a variable: stallcore struct VMCORE ${target.name} ${name}`;
}

function showLayout(
  vmcore: Vmcore,
  { asked, found, source, members }: FoundType & { asked: AskedType; members: readonly string[] },
  { json }: StructArguments,
): void {
  if (members.length === 0) {
    const layout = typeLayout(asked, found, source);
    if (json) printJson(withProblems(layout, vmcore.problems));
    else print(typeLayoutText(layout));
    return;
  }
  const layouts = members.map((path) => {
    const layout = memberLayout(found.type, path);
    if (layout === undefined) throw new UsageError(`struct: ${asked.name} has no member ${path}`);
    return { path, ...layout };
  });
  const result = { type: 'member-layouts', name: asked.name, source, members: layouts };
  if (json) printJson(withProblems(result, vmcore.problems));
  else for (const layout of layouts) print(memberLayoutText(layout));
}

function showValues(
  vmcore: Vmcore,
  question: FoundType & {
    asked: AskedType;
    members: readonly string[];
    targets: readonly string[];
  },
  { json, hex, 'array-max': arrayMax }: StructArguments,
): void {
  const options = arrayMax === undefined ? {} : { arrayMax };
  const result = usable(() => structValues(vmcore, { ...question, ...options }));
  if (json) printJson(withProblems(result, vmcore.problems));
  else print(structValuesText(result, { hex }));
}

/** Of a packed dump, where it was not found. A name without a kind may be of any. */
function mayLackType({ types }: Vmcore, { kind, name }: AskedType): boolean {
  const kinds = kind === undefined ? (['struct', 'union', 'enum', 'typedef'] as const) : [kind];
  return kinds.some((each) => types.mayLack?.(each, name));
}

/** What the user asked for and this kernel has not is no fault of the dump. */
function usable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof LookupError && error.why === NOT_KEPT) {
      throw new NotKeptError(`struct: ${error.message}`);
    }
    const isUse = error instanceof LookupError || error instanceof InvalidError;
    throw isUse ? new UsageError(`struct: ${error.message}`) : error;
  }
}
