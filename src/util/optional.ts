// Members of results that are absent where their value is not known.

/** `{ [key]: value }`, or nothing where the value is undefined: absent, never a default. */
export function optional<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: T });
}
