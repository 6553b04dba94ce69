// What kind of file a vmcore is, as plain data for results.

import type { PackManifest } from './pack-manifest.ts';

/** One input file. */
export interface InputFile {
  readonly name: string;
  /** Size of the file in bytes. */
  readonly sizeBytes: number;
  /** The wrapper around the whole file, and how its inside is read. */
  readonly wrapper: { readonly format: 'lz4' | 'zstd' | 'gzip'; readonly how: string } | undefined;
}

/** The container of a dump. */
export interface ContainerInfo {
  readonly format: 'elf' | 'kdump' | 'raw';
  /** The format in the field's words: `ELF64 vmcore`, `kdump-compressed v6, flattened`. */
  readonly description: string;
  readonly files: readonly InputFile[];
  /** utsname.machine or e_machine in words, if the container says. */
  readonly machine: string | undefined;
  /** makedumpfile's dump level, if the container says. */
  readonly dumpLevel: number | undefined;
  /** The container itself says that it was not written to its end. */
  readonly incomplete: boolean;
  /** Of a dump that `stallcore pack` made: what was kept of which dump. */
  readonly packed?: PackManifest;
}

/** The registers of one CPU at the time of the dump. */
export interface CpuRegisters {
  /** Where they come from. */
  readonly source: 'PRSTATUS' | 'QEMU';
  /** Position among the notes of its kind; not always the CPU's number. */
  readonly index: number;
  /** `rip`, `rsp`, …, for QEMU also `cr3`, `gs_base`. */
  readonly registers: ReadonlyMap<string, bigint>;
}
