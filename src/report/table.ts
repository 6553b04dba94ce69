// A table as data. Who prints it decides how it looks; here is the plain way, for pipes and for
// more rows than a drawn table can take.

/** One column. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** Rows of cells, as many a row as there are columns. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** The table in columns of equal width, two spaces apart, a line a row. */
export function columnText({ columns, rows }: Table): string {
  const widths = columns.map(({ title }, index) =>
    rows.reduce((width, row) => Math.max(width, row[index]?.length ?? 0), title.length),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [columns.map(({ title }) => title), ...rows].map((row) => `${line(row)}\n`).join('');
}
