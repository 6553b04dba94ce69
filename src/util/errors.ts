// Everything that can go wrong with a vmcore. One base class, a `code` per class that callers may
// switch on, the context as fields. A message reads `where: what, expected x, have y`.

import { hex } from './address.ts';
import type { PageState } from './page-state.ts';

/** The kinds of failure; public API. */
export type VmcoreErrorCode = 'format' | 'fault' | 'lookup' | 'unsupported' | 'invalid';

/** The base of every error that input data, not a bug of ours, can cause. */
export abstract class VmcoreError extends Error {
  abstract readonly code: VmcoreErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Where in a file or table a {@link FormatError} was found. */
export interface FormatPlace {
  /** The section of the file, in the format's own words: `PT_NOTE`, `page_desc[12]`. */
  readonly section: string;
  /** Byte offset inside the section, if one can be named. */
  readonly offset?: number;
}

/** Bytes that break their format: a wrong magic, a size past the end, an impossible count. */
export class FormatError extends VmcoreError {
  readonly code = 'format';
  readonly section: string;
  readonly offset: number | undefined;

  constructor(place: FormatPlace, what: string, options?: ErrorOptions) {
    const at = place.offset === undefined ? '' : `+0x${place.offset.toString(16)}`;
    super(`${place.section}${at}: ${what}`, options);
    this.section = place.section;
    this.offset = place.offset;
  }
}

/** Why an address could not be read; the page states, and the ways a page walk ends. */
export type FaultReason = Exclude<PageState, 'present'> | 'non-canonical' | 'not-mapped';

/** Which kind of address a {@link FaultError} names. */
export type AddressSpaceName = 'physical' | 'virtual';

/** An address that cannot be read. `reason` tells a filtered page from one that never was. */
export class FaultError extends VmcoreError {
  readonly code = 'fault';
  readonly space: AddressSpaceName;
  readonly address: bigint;
  readonly reason: FaultReason;

  constructor(
    fault: { space: AddressSpaceName; address: bigint | number; reason: FaultReason },
    detail?: string,
    options?: ErrorOptions,
  ) {
    const address = BigInt(fault.address);
    super(
      `${fault.space} address ${hex(address)}: ${detail ?? REASON_WORDS[fault.reason]}`,
      options,
    );
    this.space = fault.space;
    this.address = address;
    this.reason = fault.reason;
  }
}

const REASON_WORDS: Record<FaultReason, string> = {
  excluded: 'page excluded by the dump filter',
  'not-in-dump': 'not in the dump',
  truncated: 'cut off, the file is truncated',
  'removed-by-pack': 'removed by pack',
  'non-canonical': 'not a canonical address',
  'not-mapped': 'not mapped',
};

/** A name that this kernel does not have. */
export class LookupError extends VmcoreError {
  readonly code = 'lookup';
  readonly kind: 'symbol' | 'type' | 'member';
  readonly symbolName: string;
  readonly why: string;

  /** @param why where it is not the kernel that lacks it */
  constructor(kind: 'symbol' | 'type' | 'member', name: string, why = 'not in this kernel') {
    super(`${kind} ${name}: ${why}`);
    this.kind = kind;
    this.symbolName = name;
    this.why = why;
  }
}

/** Input that is understood but cannot be handled: an architecture, a compression. */
export class UnsupportedError extends VmcoreError {
  readonly code = 'unsupported';
}

/** Data that reads fine and contradicts itself: a cycle, a bad back pointer. */
export class InvalidError extends VmcoreError {
  readonly code = 'invalid';
}

/**
 * The message of an error with those of its causes, outermost first:
 * `cannot read task_struct of pid 42: virtual address 0x…: pmd[3] = 0x0 not present`.
 */
export function errorChain(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current instanceof Error && depth < CAUSE_DEPTH_MAX; depth++) {
    parts.push(current.message);
    current = current.cause;
  }
  return parts.length === 0 ? String(error) : parts.join(': ');
}

const CAUSE_DEPTH_MAX = 16;
