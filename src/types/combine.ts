// Several type sources as one: the kernel's BTF, then those of modules, then hand-made facts.

import type { CType, TypeKind, TypeSource } from './ctype.ts';
import type { Declaration } from './declaration.ts';

/** Asks each source in turn; a struct without members counts only if no source has more. */
class CombinedTypes implements TypeSource {
  readonly origin: string;
  readonly #sources: readonly TypeSource[];

  constructor(sources: readonly TypeSource[], origin: string) {
    this.#sources = sources;
    this.origin = origin;
  }

  find(kind: TypeKind, name: string): CType | undefined {
    let opaque: CType | undefined;
    for (const source of this.#sources) {
      const type = source.find(kind, name);
      if (type === undefined) continue;
      const isOpaque = (type.kind === 'struct' || type.kind === 'union') && !type.members.length;
      if (!isOpaque) return type;
      opaque ??= type;
    }
    return opaque;
  }

  findEnumerator(name: string): bigint | undefined {
    for (const source of this.#sources) {
      const value = source.findEnumerator(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  variableType(name: string): CType | undefined {
    for (const source of this.#sources) {
      const type = source.variableType?.(name);
      if (type !== undefined) return type;
    }
    return undefined;
  }

  typedefDeclaration(name: string): Declaration | undefined {
    for (const source of this.#sources) {
      const declaration = source.typedefDeclaration?.(name);
      if (declaration !== undefined) return declaration;
    }
    return undefined;
  }
}

/**
 * One {@link TypeSource} of many; the earlier source wins.
 *
 * @param origin words for results; the sources' own, joined, unless given
 */
export function combineTypes(sources: readonly TypeSource[], origin?: string): TypeSource {
  return new CombinedTypes(sources, origin ?? sources.map((source) => source.origin).join(', '));
}
