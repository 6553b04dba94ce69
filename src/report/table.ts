// A table as data. Who prints it decides how it looks; here is the plain way, for pipes and for
// more rows than a drawn table can take.

/** One column. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Words, of which so many characters will do; numbers are never cut. */
  readonly widthMin?: number;
}

/** Rows of cells, as many a row as there are columns. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** Spaces between columns. */
const GAP = 2;

/**
 * The table with its words cut to fit into so many columns of a terminal: the widest column first.
 * A table whose numbers alone are wider stays wider.
 */
export function fitTable({ columns, rows }: Table, width: number): Table {
  const widths = widthsOf({ columns, rows });
  let excess = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width;
  while (excess > 0) {
    const at = widestToCut(columns, widths);
    if (at === undefined) break;
    widths[at]!--;
    excess--;
  }
  const cut = (cell: string, at: number): string => {
    const most = columns[at]?.widthMin === undefined ? cell.length : (widths[at] ?? 0);
    return cell.length > most ? `${cell.slice(0, most - 1)}…` : cell;
  };
  return { columns, rows: rows.map((row) => row.map(cut)) };
}

function widestToCut(columns: readonly Column[], widths: readonly number[]): number | undefined {
  let widest: number | undefined;
  for (const [at, { widthMin, title }] of columns.entries()) {
    const width = widths[at] ?? 0;
    if (widthMin === undefined || width <= Math.max(widthMin, title.length)) continue;
    if (widest === undefined || width >= (widths[widest] ?? 0)) widest = at;
  }
  return widest;
}

function widthsOf({ columns, rows }: Table): number[] {
  return columns.map(({ title }, index) =>
    rows.reduce((width, row) => Math.max(width, row[index]?.length ?? 0), title.length),
  );
}

/** The table in columns of equal width, two spaces apart, a line a row. */
export function columnText({ columns, rows }: Table): string {
  const widths = widthsOf({ columns, rows });
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  return [columns.map(({ title }) => title), ...rows].map((row) => `${line(row)}\n`).join('');
}
