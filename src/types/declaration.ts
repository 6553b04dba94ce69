// How a member or a variable is declared in C, in two parts: what stands before its name, and the
// name with what stands around it. `int (*probe)(struct device *)` is `int` and
// `(*probe)(struct device *)`.

import type { CType, Member } from './ctype.ts';

/** A declaration, split where C has its name. */
export interface Declaration {
  /** `struct list_head`, `const char *`, `int`; `struct` for one that is defined in place. */
  readonly base: string;
  /** `next`, `comm[16]`, `(*probe)(struct device *)`; the name alone where nothing is around it. */
  readonly declarator: string;
}

/** More derivations than any declaration has; damaged types may go in circles. */
const DERIVATIONS_MAX = 64;

/** How a member is declared: as its source says, else as far as its type tells. */
export function declarationOf(member: Member): Declaration {
  return member.declaration ?? declareCType(member.type, member.name);
}

/** A declaration of `name`; without one it is the type alone. */
export function declareCType(type: CType, name: string): Declaration {
  let current = type;
  let declarator = name;
  let stars = '';
  for (let depth = 0; depth < DERIVATIONS_MAX; depth++) {
    if (current.kind === 'pointer') {
      const { target } = current;
      if (target.kind === 'array' || target.kind === 'function') declarator = `(*${declarator})`;
      else stars += ' *';
      current = target;
    } else if (current.kind === 'array') {
      declarator += `[${current.count}]`;
      current = current.element;
    } else break;
  }
  if (current.kind === 'function') declarator += '()';
  return { base: `${baseWords(current)}${stars}`, declarator };
}

/** `int (*)()`, `char [16]`: the declaration of something without a name. */
export function typeWords({ base, declarator }: Declaration): string {
  return declarator === '' ? base : `${base} ${declarator}`;
}

/** The type of a member in C words, `int (*)(struct device *)`. */
export function memberTypeWords(member: Member): string {
  const { base, declarator } = declarationOf(member);
  return typeWords({ base, declarator: withoutName(declarator, member.name) });
}

/** The name comes behind stars and qualifiers, which are whole words; it may be any bytes. */
function withoutName(declarator: string, name: string): string {
  const [before = ''] = /^(?:[(*\s]|const\b|volatile\b|restrict\b)*/.exec(declarator) ?? [];
  const at = name === '' ? -1 : declarator.indexOf(name, before.length);
  return at < 0 ? declarator : declarator.slice(0, at) + declarator.slice(at + name.length);
}

/** A type in C words. */
export function describeCType(type: CType): string {
  return typeWords(declareCType(type, ''));
}

function baseWords(type: CType): string {
  switch (type.kind) {
    case 'int':
    case 'float':
      return type.name;
    case 'struct':
    case 'union':
    case 'enum':
      return type.name === '' ? (type.typedefName ?? type.kind) : `${type.kind} ${type.name}`;
    default:
      return 'void';
  }
}
