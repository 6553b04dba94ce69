// An initramfs: a cpio archive in the "newc" form, which the kernel unpacks into its root.
//
//   "070701"  13 fields of 8 hex digits: ino mode uid gid nlink mtime filesize
//             devmajor devminor rdevmajor rdevminor namesize check
//   name\0    padded with zeros to 4 bytes, counted from the start of the header
//   data      padded with zeros to 4 bytes
//
// An entry called TRAILER!!! ends it. Described in Documentation/driver-api/early-userspace/.

const S_IFREG = 0o100000;

/** A regular file of the archive. */
export interface CpioFile {
  readonly name: string;
  /** Permission bits: 0o755. */
  readonly mode: number;
  readonly data: Uint8Array;
}

function entry({ name, mode, data }: CpioFile, ino: number): Buffer {
  const nameSize = Buffer.byteLength(name) + 1;
  const fields = [ino, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, nameSize, 0];
  const header = `070701${fields.map((each) => each.toString(16).padStart(8, '0')).join('')}`;
  return padded(Buffer.concat([padded(Buffer.from(`${header}${name}\0`)), data]));
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

/** The archive as bytes. */
export function writeCpio(files: readonly CpioFile[]): Buffer {
  const trailer = { name: 'TRAILER!!!', mode: 0, data: new Uint8Array() };
  return Buffer.concat([
    ...files.map((file, index) => entry({ ...file, mode: S_IFREG | file.mode }, index + 1)),
    entry(trailer, 0),
  ]);
}
