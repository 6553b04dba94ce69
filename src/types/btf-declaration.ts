// Declarations as BTF has them: a CType has lost its typedefs and qualifiers, BTF has not, and
// `pid_t` or `const char *` tells a reader more than `int` and `char *`.

import type { BtfTable } from '../format/btf/table.ts';
import type { BtfParam, BtfType } from '../format/btf/records.ts';
import { typeWords, type Declaration } from './declaration.ts';

/** As deep as the kernel allows modifiers and arrays to nest (MAX_RESOLVE_DEPTH in btf.c). */
const DEPTH_MAX = 32;
/** Functions that take functions: deeper ones are cut to `...`. */
const PARAMETER_DEPTH_MAX = 4;
/** BPF takes five, the kernel's longest lists have twenty. */
const PARAMETERS_MAX = 64;

/**
 * The declaration of `name` with a type of BTF, in the way in which pahole writes it: `long
 * unsigned int`, a space before each star. Annotations (type tags) are left out.
 *
 * @throws FormatError if a type is damaged
 */
export function declareBtf(table: BtfTable, id: number, name: string): Declaration {
  return declare(table, id, { name, depth: 0 });
}

function declare(
  table: BtfTable,
  start: number,
  { name, depth }: { name: string; depth: number },
): Declaration {
  let declarator = name;
  // What stands behind the base: stars, and qualifiers of pointers.
  let behind = '';
  let qualifiers = '';
  let id = start;
  for (let steps = 0; steps <= DEPTH_MAX; steps++) {
    const type = table.type(id);
    switch (type.kind) {
      case 'type_tag':
        break;
      case 'const':
      case 'volatile':
      case 'restrict':
        // A constant array of constants is no more constant than either.
        if (!qualifiers.includes(type.kind)) qualifiers += `${type.kind} `;
        break;
      case 'ptr': {
        const around = qualifiers === '' ? '*' : `* ${qualifiers}`;
        qualifiers = '';
        if (needsGroup(table, type.target)) declarator = `(${around}${declarator})`;
        else behind = ` ${around.trimEnd()}${behind}`;
        break;
      }
      case 'array':
        declarator += `[${type.count}]`;
        break;
      case 'func_proto':
        declarator += `(${parameters(table, type.params, depth)})`;
        break;
      default:
        return { base: `${qualifiers}${baseWords(type)}${behind}`, declarator };
    }
    id = targetOf(type);
  }
  throw table.error(start, `expected at most ${DEPTH_MAX} derivations, have more`);
}

/** Whether a pointer to it is written `(*name)`. */
function needsGroup(table: BtfTable, start: number): boolean {
  let id = start;
  for (let steps = 0; steps <= DEPTH_MAX; steps++) {
    const type = table.type(id);
    if (type.kind !== 'type_tag' && type.kind !== 'const' && type.kind !== 'volatile') {
      return type.kind === 'func_proto' || type.kind === 'array';
    }
    id = type.target;
  }
  return false;
}

function targetOf(type: BtfType): number {
  if (type.kind === 'array') return type.element;
  if (type.kind === 'func_proto') return type.result;
  return 'target' in type ? type.target : 0;
}

/** A parameter without a type at the end is `...`. */
function parameters(table: BtfTable, params: readonly BtfParam[], depth: number): string {
  if (params.length === 0) return 'void';
  if (depth >= PARAMETER_DEPTH_MAX) return '...';
  const words = params.slice(0, PARAMETERS_MAX).map(({ type }, at) => {
    if (type === 0 && at === params.length - 1) return '...';
    return typeWords(declare(table, type, { name: '', depth: depth + 1 }));
  });
  return words.join(', ') + (params.length > PARAMETERS_MAX ? ', ...' : '');
}

function baseWords(type: BtfType): string {
  switch (type.kind) {
    case 'struct':
    case 'union':
      return type.name === '' ? type.kind : `${type.kind} ${type.name}`;
    case 'enum':
    case 'enum64':
      return type.name === '' ? 'enum' : `enum ${type.name}`;
    case 'fwd':
      return `${type.isUnion ? 'union' : 'struct'} ${type.name}`;
    case 'void':
      return 'void';
    default:
      return 'name' in type ? type.name : type.kind;
  }
}
