// The ORC format of x86-64: for each instruction of the kernel where the frame of its function is
// (arch/x86/include/asm/orc_types.h). It has changed three times; the numbers are our own and
// drgn's, Linux has none:
//
//   1  Linux 4.14 (ee9f8fce9964)    2  Linux 6.3 (ffb1b4a41016): `signal`
//   3  Linux 6.4 (fb799447ae29): types for undefined and for the end, in place of `end`
//   4  Linux 7.1 (1735858caa4b): registers renumbered
//
//   bits of `flags`   0-3      4-7      8      9      10      11
//   version 1         sp_reg   bp_reg   type---------  end
//   version 2         sp_reg   bp_reg   type---------  signal  end
//   version 3, 4      sp_reg   bp_reg   type------------------ signal

/** The versions of the format. */
export type OrcVersion = 1 | 2 | 3 | 4;

/** All of them, the oldest first. */
export const ORC_VERSIONS: readonly OrcVersion[] = [1, 2, 3, 4];

/** struct orc_entry: s16 sp_offset, s16 bp_offset, u16 flags. */
export const ORC_ENTRY_SIZE = 6;
/** One element of the table of addresses: s32, counted from its own place. */
export const ORC_IP_SIZE = 4;
/** One element of orc_lookup: u32, the entry that holds at the start of a block of text. */
export const ORC_LOOKUP_SIZE = 4;
/** LOOKUP_BLOCK_SIZE (arch/x86/include/asm/orc_lookup.h): bytes of text in a block. */
export const LOOKUP_BLOCK_SIZE = 256;

/** What a frame's address is reckoned from; ORC_REG_* in small letters. */
export type OrcRegister =
  | 'undefined'
  | 'prev_sp'
  | 'ax'
  | 'dx'
  | 'di'
  | 'bp'
  | 'sp'
  | 'r10'
  | 'r13'
  | 'bp_indirect'
  | 'sp_indirect';

/** ORC_REG_* by number until Linux 7.1. */
const REGISTERS_V1: readonly OrcRegister[] = [
  'undefined',
  'prev_sp',
  'dx',
  'di',
  'bp',
  'sp',
  'r10',
  'r13',
  'bp_indirect',
  'sp_indirect',
];

/** ORC_REG_* by number since. */
const REGISTERS_V4: readonly OrcRegister[] = [
  'undefined',
  'ax',
  'dx',
  'sp',
  'bp',
  'di',
  'r10',
  'r13',
  'prev_sp',
  'sp_indirect',
  'bp_indirect',
];

/** The registers of a version by number. */
export function orcRegisters(version: OrcVersion): readonly OrcRegister[] {
  return version === 4 ? REGISTERS_V4 : REGISTERS_V1;
}

/** What an instruction's frame is like; the types of version 3 in small letters. */
export type OrcType = 'undefined' | 'end_of_stack' | 'call' | 'regs' | 'regs_partial';

/** ORC_TYPE_* by number since version 3. */
export const ORC_TYPES_V3: readonly OrcType[] = [
  'undefined',
  'end_of_stack',
  'call',
  'regs',
  'regs_partial',
];

/** ORC_TYPE_* by number in versions 1 and 2, in which sp_reg and `end` say the other two. */
export const ORC_TYPES_V1: readonly OrcType[] = ['call', 'regs', 'regs_partial'];

/** Bits of `flags` besides the registers. */
export const ORC_TYPE_SHIFT = 8;
export const ORC_V1_END = 1 << 10;
export const ORC_V2_SIGNAL = 1 << 10;
export const ORC_V2_END = 1 << 11;
export const ORC_V3_SIGNAL = 1 << 11;

/**
 * What lies at __start_orc_header since Linux 6.4 and 6.3.10 (b9f174c811e3): a SHA-1 of the
 * definitions, as scripts/orc_hash.sh makes it. Kernels without it are told apart by their entries.
 */
export const ORC_HEADERS: readonly (readonly [hash: string, version: OrcVersion])[] = [
  ['db84aed4103b31dd51e017f8f79783ca985c2c51', 2],
  ['fe5d32bf581bd63b2ca9a5c65ba5a625eab3fe24', 3],
];
/** Size of that hash in bytes. */
export const ORC_HEADER_SIZE = 20;
