// Numbers of the BPF type format, from include/uapi/linux/btf.h.

/** First two bytes of every BTF, in the byte order of the rest. */
export const BTF_MAGIC = 0xeb9f;

/** The only version so far; the 7.1 extensions did not change it. */
export const BTF_VERSION = 1;

/** Bytes of the header up to and including str_len. */
export const BTF_HEADER_SIZE = 24;

/** Bytes of the header with layout_off and layout_len, from Linux 7.1 on. */
export const BTF_HEADER_SIZE_LAYOUT = 32;

/** Bytes of struct btf_type: name_off, info, size or type. */
export const BTF_TYPE_SIZE = 12;

/** Bytes of struct btf_layout: u8 info_sz, u8 elem_sz, u16 flags. */
export const BTF_LAYOUT_ENTRY_SIZE = 4;

export const BTF_KIND_INT = 1;
export const BTF_KIND_PTR = 2;
export const BTF_KIND_ARRAY = 3;
export const BTF_KIND_STRUCT = 4;
export const BTF_KIND_UNION = 5;
export const BTF_KIND_ENUM = 6;
export const BTF_KIND_FWD = 7;
export const BTF_KIND_TYPEDEF = 8;
export const BTF_KIND_VOLATILE = 9;
export const BTF_KIND_CONST = 10;
export const BTF_KIND_RESTRICT = 11;
export const BTF_KIND_FUNC = 12;
export const BTF_KIND_FUNC_PROTO = 13;
export const BTF_KIND_VAR = 14;
export const BTF_KIND_DATASEC = 15;
export const BTF_KIND_FLOAT = 16;
export const BTF_KIND_DECL_TAG = 17;
export const BTF_KIND_TYPE_TAG = 18;
export const BTF_KIND_ENUM64 = 19;

/** btf_type.info of struct, union: members carry a bit field size; of enum, enum64: signed. */
export const BTF_KIND_FLAG = 0x80000000;

/** INT data: the value is signed. */
export const BTF_INT_SIGNED = 1;
/** INT data: the value is a character. */
export const BTF_INT_CHAR = 2;
/** INT data: the value is a boolean. */
export const BTF_INT_BOOL = 4;

/** What follows a btf_type: bytes once, and bytes for each of its `vlen` elements. */
export interface BtfKindSize {
  readonly infoSize: number;
  readonly elementSize: number;
}

/**
 * The sizes of kinds 1 to 19, by kind. Kind 0 (void) has no record; a hole in the table is a kind
 * that only a layout section can explain.
 */
export const BTF_KIND_SIZES: readonly (BtfKindSize | undefined)[] = [
  undefined,
  { infoSize: 4, elementSize: 0 }, // INT: encoding, offset, bits
  { infoSize: 0, elementSize: 0 }, // PTR
  { infoSize: 12, elementSize: 0 }, // ARRAY: struct btf_array
  { infoSize: 0, elementSize: 12 }, // STRUCT: struct btf_member
  { infoSize: 0, elementSize: 12 }, // UNION: struct btf_member
  { infoSize: 0, elementSize: 8 }, // ENUM: struct btf_enum
  { infoSize: 0, elementSize: 0 }, // FWD
  { infoSize: 0, elementSize: 0 }, // TYPEDEF
  { infoSize: 0, elementSize: 0 }, // VOLATILE
  { infoSize: 0, elementSize: 0 }, // CONST
  { infoSize: 0, elementSize: 0 }, // RESTRICT
  { infoSize: 0, elementSize: 0 }, // FUNC: vlen is the linkage, not a count
  { infoSize: 0, elementSize: 8 }, // FUNC_PROTO: struct btf_param
  { infoSize: 4, elementSize: 0 }, // VAR: linkage
  { infoSize: 0, elementSize: 12 }, // DATASEC: struct btf_var_secinfo
  { infoSize: 0, elementSize: 0 }, // FLOAT
  { infoSize: 4, elementSize: 0 }, // DECL_TAG: component index
  { infoSize: 0, elementSize: 0 }, // TYPE_TAG
  { infoSize: 0, elementSize: 12 }, // ENUM64: struct btf_enum64
];

/**
 * btf_type.info as Linux 7.1 reads it: kind in bits 24 to 30. Before, the kind had bits 24 to 28
 * and vlen bits 0 to 15; the kernel refused other bits, so the wide masks read both.
 */
export function btfKind(info: number): number {
  return (info >>> 24) & 0x7f;
}

/** The number of elements that follow: bits 0 to 23 of btf_type.info. */
export function btfVlen(info: number): number {
  return info & 0xffffff;
}

/** Bit 31 of btf_type.info. */
export function btfKindFlag(info: number): boolean {
  return (info & BTF_KIND_FLAG) !== 0;
}
