// Declarations as BTF has them: a CType has lost its typedefs and qualifiers, BTF has not, and
// `pid_t` or `const char *` tells a reader more than `int` and `char *`.

import * as c from '../format/btf/constants.ts';
import type { BtfTable } from '../format/btf/table.ts';
import type { BtfParam } from '../format/btf/records.ts';
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
    const kind = table.kindOf(id);
    const qualifier = QUALIFIERS.get(kind);
    if (qualifier !== undefined) {
      // A constant array of constants is no more constant than either.
      if (!qualifiers.includes(qualifier)) qualifiers += `${qualifier} `;
    } else if (kind === c.BTF_KIND_PTR) {
      const around = qualifiers === '' ? '*' : `* ${qualifiers}`;
      qualifiers = '';
      if (needsGroup(table, table.targetOf(id))) declarator = `(${around}${declarator})`;
      else behind = ` ${around.trimEnd()}${behind}`;
    } else if (kind !== c.BTF_KIND_TYPE_TAG) {
      // Decoded only where more than kind and name is needed: a struct has many members.
      const type =
        kind === c.BTF_KIND_ARRAY || kind === c.BTF_KIND_FUNC_PROTO ? table.type(id) : undefined;
      if (type?.kind === 'array') declarator += `[${type.count}]`;
      else if (type?.kind === 'func_proto') {
        declarator += `(${parameters(table, type.params, depth)})`;
      } else return { base: `${qualifiers}${baseWords(table, id)}${behind}`, declarator };
    }
    id = targetOf(table, id);
  }
  throw table.error(start, `expected at most ${DEPTH_MAX} derivations, have more`);
}

const QUALIFIERS = new Map([
  [c.BTF_KIND_CONST, 'const'],
  [c.BTF_KIND_VOLATILE, 'volatile'],
  [c.BTF_KIND_RESTRICT, 'restrict'],
]);

/** Whether a pointer to it is written `(*name)`. */
function needsGroup(table: BtfTable, start: number): boolean {
  let id = start;
  for (let steps = 0; steps <= DEPTH_MAX; steps++) {
    const kind = table.kindOf(id);
    if (!QUALIFIERS.has(kind) && kind !== c.BTF_KIND_TYPE_TAG) {
      return kind === c.BTF_KIND_FUNC_PROTO || kind === c.BTF_KIND_ARRAY;
    }
    id = table.targetOf(id);
  }
  return false;
}

function targetOf(table: BtfTable, id: number): number {
  const kind = table.kindOf(id);
  if (kind !== c.BTF_KIND_ARRAY) return table.targetOf(id);
  const type = table.type(id);
  return type.kind === 'array' ? type.element : 0;
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

function baseWords(table: BtfTable, id: number): string {
  const name = table.nameOf(id);
  switch (table.kindOf(id)) {
    case c.BTF_KIND_STRUCT:
      return tagged('struct', name);
    case c.BTF_KIND_UNION:
      return tagged('union', name);
    case c.BTF_KIND_ENUM:
    case c.BTF_KIND_ENUM64:
      return tagged('enum', name);
    case c.BTF_KIND_FWD: {
      const type = table.type(id);
      return tagged(type.kind === 'fwd' && type.isUnion ? 'union' : 'struct', name);
    }
    default:
      return name;
  }
}

function tagged(keyword: string, name: string): string {
  return name === '' ? keyword : `${keyword} ${name}`;
}
