// Declarations as debug information has them: a CType has lost its typedefs and qualifiers, BTF and
// DWARF have not, and `pid_t` or `const char *` tells a reader more than `int` and `char *`.

import { typeWords, type Declaration } from './declaration.ts';

/** Types by number, as far as their declaration goes; 0 is `void`. */
export interface DeclaredTypes {
  stepOf(id: number): DeclarationStep;
  /** For types that nest without end. */
  error(id: number, what: string): Error;
}

/** What a type is in a declaration, and what it is made from. */
export type DeclarationStep =
  | { readonly kind: 'qualifier'; readonly word: string; readonly target: number }
  /** A pointer, or what leaves no trace in C: an annotation. */
  | { readonly kind: 'pointer' | 'transparent'; readonly target: number }
  | { readonly kind: 'array'; readonly counts: readonly number[]; readonly target: number }
  /** Parameters are types; {@link ELLIPSIS} stands for `...`. */
  | { readonly kind: 'function'; readonly parameters: readonly number[]; readonly target: number }
  /** Here a declaration ends: `struct page`, `int`. */
  | { readonly kind: 'base'; readonly words: string };

/** What stands for `...` among parameters. */
export const ELLIPSIS = -1;

/** As deep as the kernel allows modifiers and arrays to nest (MAX_RESOLVE_DEPTH in btf.c). */
const DEPTH_MAX = 32;
/** Functions that take functions: deeper ones are cut to `...`. */
const PARAMETER_DEPTH_MAX = 4;
/** BPF takes five, the kernel's longest lists have twenty. */
const PARAMETERS_MAX = 64;

/**
 * The declaration of `name` with a type, in the way in which pahole writes it: `long unsigned int`,
 * a space before each star. Annotations are left out.
 *
 * @throws FormatError if a type is damaged
 */
export function declareType(types: DeclaredTypes, id: number, name: string): Declaration {
  return declare(types, id, { name, depth: 0 });
}

function declare(
  types: DeclaredTypes,
  start: number,
  { name, depth }: { name: string; depth: number },
): Declaration {
  let declarator = name;
  // What stands behind the base: stars, and qualifiers of pointers.
  let behind = '';
  let qualifiers = '';
  let id = start;
  for (let steps = 0; steps <= DEPTH_MAX; steps++) {
    const step = types.stepOf(id);
    switch (step.kind) {
      case 'base':
        return { base: `${qualifiers}${step.words}${behind}`, declarator };
      case 'qualifier':
        // A constant array of constants is no more constant than either.
        if (!qualifiers.includes(step.word)) qualifiers += `${step.word} `;
        break;
      case 'pointer': {
        const around = qualifiers === '' ? '*' : `* ${qualifiers}`;
        qualifiers = '';
        if (needsGroup(types, step.target)) declarator = `(${around}${declarator})`;
        else behind = ` ${around.trimEnd()}${behind}`;
        break;
      }
      case 'array':
        declarator += step.counts.map((count) => `[${count}]`).join('');
        break;
      case 'function':
        declarator += `(${parameterWords(types, step.parameters, depth)})`;
        break;
      case 'transparent':
        break;
    }
    id = step.target;
  }
  throw types.error(start, `expected at most ${DEPTH_MAX} derivations, have more`);
}

/** Whether a pointer to it is written `(*name)`. */
function needsGroup(types: DeclaredTypes, start: number): boolean {
  let id = start;
  for (let steps = 0; steps <= DEPTH_MAX; steps++) {
    const step = types.stepOf(id);
    if (step.kind !== 'qualifier' && step.kind !== 'transparent') {
      return step.kind === 'function' || step.kind === 'array';
    }
    id = step.target;
  }
  return false;
}

function parameterWords(
  types: DeclaredTypes,
  parameters: readonly number[],
  depth: number,
): string {
  if (parameters.length === 0) return 'void';
  if (depth >= PARAMETER_DEPTH_MAX) return '...';
  const words = parameters.slice(0, PARAMETERS_MAX).map((id) => {
    return id === ELLIPSIS ? '...' : typeWords(declare(types, id, { name: '', depth: depth + 1 }));
  });
  return words.join(', ') + (parameters.length > PARAMETERS_MAX ? ', ...' : '');
}

/** `struct page`; the keyword alone for one that is defined in place. */
export function taggedWords(keyword: string, name: string): string {
  return name === '' ? keyword : `${keyword} ${name}`;
}
