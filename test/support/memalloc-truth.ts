// memalloc.json of the real dumps: what crash 8.0.2 read with DWARF.

/** The part of it that tests hold something against. */
export interface MemallocTruth {
  readonly hz: number;
  readonly jiffies: number;
  readonly tasks: readonly {
    readonly addr: string;
    readonly pid: number;
    readonly memalloc: Readonly<Record<'valid' | 'start' | 'order' | 'gfp', number>>;
  }[];
}
