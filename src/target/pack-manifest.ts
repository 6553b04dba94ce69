// What the note of a packed dump says of it, as plain data; `info` prints it.

import type { ContainerInfo } from './container.ts';
import type { OpeningStep } from './watch.ts';
import type { Problem } from '../util/problems.ts';
import type { AbsentState } from '../memory/packed-memory.ts';

/** What a manifest says of a dump without the log. */
export const LOG_LEFT_OUT = 'the log is left out';

/** How much is kept: bytes that were read, pages that were touched, or what other tools need. */
export const PACK_LEVELS = ['bytes', 'pages', 'tasks'] as const;
export type PackLevel = (typeof PACK_LEVELS)[number];

/** A kind of structure, and how many bytes of it were kept. */
export interface KeptPart {
  /** `task_struct`, `stack`, `page tables`. */
  readonly what: string;
  readonly bytes: number;
  /** What the answer takes from it; files of before have none. */
  readonly why?: string;
}

/** What a packed dump is and was. */
export interface PackManifest {
  /** The program that made it: `stallcore 0.1.0`. */
  readonly tool: string;
  readonly level: PackLevel;
  /** The dump that was packed. */
  readonly source: PackSource;
  /** Bytes of memory that were kept, by what they are; each byte is counted once. */
  readonly kept: readonly KeptPart[];
  readonly keptBytes: number;
  readonly keptPages: number;
  /** How many symbols the note has. */
  readonly symbols: number;
  /** Where symbols and types came from in the dump that was packed. */
  readonly origins: { readonly symbols: string; readonly types: string };
  /** What was left out or replaced on demand, in words. */
  readonly masked: readonly string[];
}

/** The dump that was packed. */
export interface PackSource {
  readonly container: ContainerInfo;
  /** SHA-256 over {@link checksumOf}; undefined in one that was packed from a packed dump. */
  readonly checksum: string;
  /** What the checksum is of, in words: reading all of a dump could take an hour. */
  readonly checksumOf: string;
}

/** What else a reader of a packed dump has to know to give the answers of the one it was. */
export interface PackFacts {
  readonly manifest: PackManifest;
  /** That the file of the dump ended before the dump did, in words. */
  readonly cut?: string;
  /** How the kernel was found. */
  readonly kernel: {
    readonly vmcoreinfoSource: string;
    readonly vmcoreinfoPaddr?: number;
    readonly physBase: number;
    readonly physBaseSource: string;
    /** Where facts come from that VMCOREINFO did not say, by their keys there. */
    readonly sources?: Readonly<Record<string, string>>;
  };
  /** What could not be read while the dump was opened. */
  readonly problems: Readonly<Record<OpeningStep, readonly Problem[]>>;
  readonly searches: readonly NotedSearch[];
  /** [start, end) of what was asked for and not there. */
  readonly absent: readonly { state: AbsentState; ranges: readonly (readonly number[])[] }[];
  readonly damaged: readonly { start: number; end: number; messages: readonly string[] }[];
  readonly types: {
    readonly origin: string;
    readonly variables: Readonly<Record<string, string>>;
    readonly missing: readonly string[];
  };
}

/** A search through memory and what it found; addresses are `0x…`. */
export interface NotedSearch {
  readonly start: string;
  readonly length: number;
  readonly text: string;
  readonly found: readonly string[];
}
