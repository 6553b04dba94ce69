// Debian's cloud kernel: fetched with apt-get, unpacked, not installed. STALLCORE_REAL_DEB names
// the file of another image package, of an older release for instance.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Which kernel; a meta package that depends on the one image of the day. */
const META_PACKAGE = 'linux-image-cloud-amd64';

/** The parts of the kernel package that a machine needs. */
export interface Kernel {
  readonly release: string;
  readonly vmlinuz: string;
  /** qemu_fw_cfg.ko: tells QEMU where VMCOREINFO is; not built into this kernel. */
  readonly fwCfgModule: string;
}

/** The image package that the meta package depends on. */
function imagePackage(): string {
  const text = execFileSync('apt-cache', ['depends', META_PACKAGE], { encoding: 'utf8' });
  const name = /Depends: (linux-image-\S+)/.exec(text)?.[1];
  if (name === undefined) throw new Error(`apt-cache knows no ${META_PACKAGE}`);
  return name;
}

/** Downloads the image package into `folder`, once. */
function downloadImage(folder: string): string {
  const packageName = imagePackage();
  const downloaded = (): string | undefined =>
    readdirSync(folder).find((name) => name.startsWith(`${packageName}_`));
  if (downloaded() === undefined) {
    execFileSync('apt-get', ['-q', 'download', packageName], { cwd: folder, timeout: 300_000 });
  }
  const deb = downloaded();
  if (deb === undefined) throw new Error(`apt-get download left no ${packageName}`);
  return join(folder, deb);
}

/** Unpacks the kernel below `folder`, once; downloads it where no file is named. */
export function fetchKernel(folder: string): Kernel {
  mkdirSync(folder, { recursive: true });
  const deb = process.env.STALLCORE_REAL_DEB ?? downloadImage(folder);
  const release = /^linux-image-([^_]+)_/.exec(basename(deb))?.[1];
  if (release === undefined) throw new Error(`${deb} is not named linux-image-RELEASE_….deb`);
  const root = join(folder, release);
  const vmlinuz = join(root, 'boot', `vmlinuz-${release}`);
  if (!existsSync(vmlinuz)) execFileSync('dpkg-deb', ['-x', deb, root]);
  const drivers = join(root, 'lib/modules', release, 'kernel/drivers');
  return { release, vmlinuz, fwCfgModule: join(drivers, 'firmware/qemu_fw_cfg.ko') };
}
