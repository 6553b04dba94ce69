// BTF as types that can be declared.

import * as c from '../format/btf/constants.ts';
import type { BtfTable } from '../format/btf/table.ts';
import type { BtfParam } from '../format/btf/records.ts';
import type { Declaration } from './declaration.ts';
import { declareType, ELLIPSIS, taggedWords, type DeclarationStep } from './declare.ts';

/**
 * The declaration of `name` with a type of BTF. Annotations (type tags) are left out.
 *
 * @throws FormatError if a type is damaged
 */
export function declareBtf(table: BtfTable, id: number, name: string): Declaration {
  return declareType(
    { stepOf: (type) => stepOf(table, type), error: (type, what) => table.error(type, what) },
    id,
    name,
  );
}

function stepOf(table: BtfTable, id: number): DeclarationStep {
  // Decoded only where more than kind and name is needed: a struct has many members.
  switch (table.kindOf(id)) {
    case c.BTF_KIND_CONST:
      return { kind: 'qualifier', word: 'const', target: table.targetOf(id) };
    case c.BTF_KIND_VOLATILE:
      return { kind: 'qualifier', word: 'volatile', target: table.targetOf(id) };
    case c.BTF_KIND_RESTRICT:
      return { kind: 'qualifier', word: 'restrict', target: table.targetOf(id) };
    case c.BTF_KIND_TYPE_TAG:
      return { kind: 'transparent', target: table.targetOf(id) };
    case c.BTF_KIND_PTR:
      return { kind: 'pointer', target: table.targetOf(id) };
    case c.BTF_KIND_ARRAY:
    case c.BTF_KIND_FUNC_PROTO:
      return decodedStep(table, id);
    default:
      return { kind: 'base', words: baseWords(table, id) };
  }
}

function decodedStep(table: BtfTable, id: number): DeclarationStep {
  const type = table.type(id);
  if (type.kind === 'array') return { kind: 'array', counts: [type.count], target: type.element };
  if (type.kind !== 'func_proto') return { kind: 'base', words: baseWords(table, id) };
  return { kind: 'function', parameters: parameterTypes(type.params), target: table.targetOf(id) };
}

/** A parameter without a type at the end is `...`. */
function parameterTypes(params: readonly BtfParam[]): number[] {
  return params.map(({ type }, at) => (type === 0 && at === params.length - 1 ? ELLIPSIS : type));
}

function baseWords(table: BtfTable, id: number): string {
  const name = table.nameOf(id);
  switch (table.kindOf(id)) {
    case c.BTF_KIND_STRUCT:
      return taggedWords('struct', name);
    case c.BTF_KIND_UNION:
      return taggedWords('union', name);
    case c.BTF_KIND_ENUM:
    case c.BTF_KIND_ENUM64:
      return taggedWords('enum', name);
    case c.BTF_KIND_FWD: {
      const type = table.type(id);
      return taggedWords(type.kind === 'fwd' && type.isUnion ? 'union' : 'struct', name);
    }
    default:
      return name;
  }
}
