// The inverse of read.ts: VMCOREINFO text for vmcores that we write.

/** What {@link writeVmcoreinfo} writes; the keys are those of the format. */
export interface VmcoreinfoFields {
  readonly osrelease: string;
  readonly buildId?: string;
  readonly pageSize?: number;
  readonly symbols?: Readonly<Record<string, bigint>>;
  readonly sizes?: Readonly<Record<string, number>>;
  readonly offsets?: Readonly<Record<string, number>>;
  readonly lengths?: Readonly<Record<string, number>>;
  readonly numbers?: Readonly<Record<string, bigint | number>>;
  readonly kernelOffset?: bigint;
  readonly crashTime?: number;
  /** Further lines, without the line feed. */
  readonly lines?: readonly string[];
}

/** The text, one line a fact, without the NUL that ends it in memory. */
export function writeVmcoreinfo(fields: VmcoreinfoFields): Uint8Array {
  const lines = [`OSRELEASE=${fields.osrelease}`];
  if (fields.buildId !== undefined) lines.push(`BUILD-ID=${fields.buildId}`);
  lines.push(`PAGESIZE=${fields.pageSize ?? 4096}`);
  lines.push(...keyed('SYMBOL', fields.symbols, (value) => value.toString(16)));
  lines.push(...keyed('SIZE', fields.sizes, String));
  lines.push(...keyed('OFFSET', fields.offsets, String));
  lines.push(...keyed('LENGTH', fields.lengths, String));
  lines.push(...keyed('NUMBER', fields.numbers, String));
  if (fields.kernelOffset !== undefined) {
    lines.push(`KERNELOFFSET=${fields.kernelOffset.toString(16)}`);
  }
  lines.push(...(fields.lines ?? []));
  if (fields.crashTime !== undefined) lines.push(`CRASHTIME=${fields.crashTime}`);
  return new Uint8Array(Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1'));
}

function keyed<T>(
  kind: string,
  values: Readonly<Record<string, T>> | undefined,
  format: (value: T) => string,
): string[] {
  return Object.entries(values ?? {}).map(([name, value]) => `${kind}(${name})=${format(value)}`);
}
