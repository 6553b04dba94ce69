// A value with where it comes from and how sure it is.

/**
 * `recorded`: the kernel keeps just this. `derived`: it follows from what the kernel keeps.
 * `bound`: the true value is at least this.
 */
export type FactKind = 'recorded' | 'derived' | 'bound';

/** One thing that is known of a task. */
export interface Fact<T> {
  readonly value: T;
  /** In words that stand in results: `scan_control of try_to_free_pages()`. */
  readonly source: string;
  readonly kind: FactKind;
}

/** A fact that the kernel keeps itself. */
export function recorded<T>(value: T, source: string): Fact<T> {
  return { value, source, kind: 'recorded' };
}

/** A fact that follows from what the kernel keeps. */
export function derived<T>(value: T, source: string): Fact<T> {
  return { value, source, kind: 'derived' };
}

/** The least that a value can be. */
export function bound<T>(value: T, source: string): Fact<T> {
  return { value, source, kind: 'bound' };
}
