// The numbers of the kdump-compressed format, under the names that makedumpfile's diskdump_mod.h
// gives them. They are shared by reader and writer, so test/format/kdump holds them against bytes
// written by hand and against dumps that makedumpfile and QEMU made.

/** `disk_dump_header.signature` of the files that makedumpfile and QEMU write. */
export const KDUMP_SIGNATURE = 'KDUMP   ';

/** `disk_dump_header.signature` of the old diskdump facility; the same layout. */
export const DISK_DUMP_SIGNATURE = 'DISKDUMP';

/** The version that makedumpfile has written since 1.5.5 (64-bit pfns in the sub-header). */
export const HEADER_VERSION_MAX = 6;

/** Page data is zlib-compressed; also in `status`, as the method the writer was asked for. */
export const DUMP_DH_COMPRESSED_ZLIB = 0x1;
/** Page data is lzo1x-compressed. */
export const DUMP_DH_COMPRESSED_LZO = 0x2;
/** Page data is one snappy block. */
export const DUMP_DH_COMPRESSED_SNAPPY = 0x4;
/** In `status` only: the writer ran out of space, descriptors it did not reach are zero. */
export const DUMP_DH_COMPRESSED_INCOMPLETE = 0x8;
/** In `status` only: pages of the vmemmap that describe excluded pages are excluded too. */
export const DUMP_DH_EXCLUDED_VMEMMAP = 0x10;
/** Page data is one zstd frame (makedumpfile 1.7.0 and later). */
export const DUMP_DH_COMPRESSED_ZSTD = 0x20;

/** The flags of a page descriptor that say how its data is compressed; none means raw. */
export const PAGE_COMPRESSION_MASK =
  DUMP_DH_COMPRESSED_ZLIB |
  DUMP_DH_COMPRESSED_LZO |
  DUMP_DH_COMPRESSED_SNAPPY |
  DUMP_DH_COMPRESSED_ZSTD;

/** The main header is block 0; the sub-header starts at block 1. */
export const DISKDUMP_HEADER_BLOCKS = 1;

/** `sizeof(struct page_desc)`: u64 offset, u32 size, u32 flags, u64 page_flags, on every ABI. */
export const PAGE_DESC_SIZE = 24;

/** The block sizes that a file can have; block_size is the page size of the dumped kernel. */
export const BLOCK_SIZE_MIN = 1 << 10;
export const BLOCK_SIZE_MAX = 1 << 16;

/** `sizeof(new_utsname.sysname)` and of the other five. */
export const NEW_UTS_LEN = 65;
