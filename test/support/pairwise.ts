// Rows of values such that every pair of values of two factors stands together in one row at least:
// most faults need two things to meet, and all combinations would take hours.

/** Names of factors with the values that each may have. */
export type Factors = Readonly<Record<string, readonly (string | number)[]>>;
/** A value of each factor. */
export type Row<F extends Factors> = { readonly [K in keyof F]: F[K][number] };

/** Rows that cover all pairs that `isAllowed` lets stand together. */
export function pairwise<F extends Factors>(
  factors: F,
  isAllowed: (row: Partial<Row<F>>) => boolean = () => true,
): Row<F>[] {
  const names = Object.keys(factors);
  const missing = allPairs(factors).filter((pair) => completable(pair, factors, isAllowed));
  const left = new Map(missing.map((pair) => [pairKeys(pair)[0]!, pair]));
  const rows: Row<F>[] = [];
  for (let [seed] = left.values(); seed !== undefined; [seed] = left.values()) {
    let row: Record<string, string | number> = { ...seed };
    for (const name of names.filter((each) => !(each in row))) {
      const candidates = factors[name]!.map((value) => ({ ...row, [name]: value })).filter((each) =>
        isAllowed(each as Partial<Row<F>>),
      );
      const gains = candidates.map((each) => pairKeys(each).filter((key) => left.has(key)).length);
      row = candidates[gains.indexOf(Math.max(...gains))] ?? row;
    }
    for (const key of pairKeys(row)) left.delete(key);
    rows.push(row as Row<F>);
  }
  return rows;
}

/** The pairs that no row covers, as text. */
export function uncovered<F extends Factors>(
  rows: readonly Row<F>[],
  factors: F,
  isAllowed: (row: Partial<Row<F>>) => boolean = () => true,
): string[] {
  const covered = new Set(rows.flatMap((row) => pairKeys(row)));
  return allPairs(factors)
    .filter((pair) => completable(pair, factors, isAllowed))
    .flatMap((pair) => pairKeys(pair))
    .filter((key) => !covered.has(key));
}

function allPairs(factors: Factors): Record<string, string | number>[] {
  const names = Object.keys(factors);
  return names.flatMap((first, i) =>
    names
      .slice(i + 1)
      .flatMap((second) =>
        factors[first]!.flatMap((a) => factors[second]!.map((b) => ({ [first]: a, [second]: b }))),
      ),
  );
}

/** Whether a row with this pair can be had: the other factors must have values that go with it. */
function completable<F extends Factors>(
  pair: Record<string, string | number>,
  factors: F,
  isAllowed: (row: Partial<Row<F>>) => boolean,
): boolean {
  if (!isAllowed(pair as Partial<Row<F>>)) return false;
  return Object.keys(factors)
    .filter((name) => !(name in pair))
    .every((name) =>
      factors[name]!.some((value) => isAllowed({ ...pair, [name]: value } as Partial<Row<F>>)),
    );
}

/** A text for each pair of a row. */
function pairKeys(row: Record<string, string | number>): string[] {
  const entries = Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.flatMap(([a, x], i) =>
    entries.slice(i + 1).map(([b, y]) => `${a}=${x} with ${b}=${y}`),
  );
}
