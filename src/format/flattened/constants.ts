// The numbers of makedumpfile's flattened format (makedumpfile.h: makedumpfile_header and
// makedumpfile_data_header). All integers of the format are big-endian, whatever is inside.

/** `makedumpfile_header.signature`, NUL-padded to 16 bytes. */
export const MAKEDUMPFILE_SIGNATURE = 'makedumpfile';
export const SIGNATURE_LEN = 16;

/** `makedumpfile_header.type` and `.version`; there has been one of each. */
export const TYPE_FLAT_HEADER = 1;
export const VERSION_FLAT_HEADER = 1;

/** `MAX_SIZE_MDF_HEADER`: the first record starts here. */
export const MDF_HEADER_SIZE = 4096;

/** `sizeof(struct makedumpfile_data_header)`: s64 offset, s64 buf_size. */
export const RECORD_HEADER_SIZE = 16;

/** `END_FLAG_FLAT_HEADER`: both members of the last record header. */
export const END_FLAG_FLAT_HEADER = -1n;
