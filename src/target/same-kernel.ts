// Whether a vmlinux is the one of the dumped kernel: by build ID, else by banner, else by release.

import type { Vmcoreinfo } from '../format/vmcoreinfo/read.ts';
import { InvalidError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import type { KernelIdentity } from './identity.ts';
import type { Vmlinux } from './vmlinux.ts';

/** What is known of a kernel; the build ID says most, the release least. */
export interface KernelNames {
  /** Hex digits. */
  readonly buildId: string | undefined;
  readonly banner: string | undefined;
  readonly release: string | undefined;
}

/** How a vmlinux is checked. */
export interface CheckOptions {
  readonly problems: Problems;
  /** A vmlinux of another kernel is a problem, not an error. */
  readonly force: boolean;
}

/**
 * What VMCOREINFO says, before there are symbols. Its build ID is garbage in some kernels, so that
 * one which differs does not count.
 */
export function namesInVmcoreinfo({ buildId, osrelease }: Vmcoreinfo, own?: string): KernelNames {
  const same = buildId?.hex === own ? own : undefined;
  return { buildId: same, banner: undefined, release: osrelease };
}

/** What the dump was found to be. */
export function namesOf({ buildId, banner, release }: KernelIdentity): KernelNames {
  return { buildId: buildId?.value, banner: banner?.value, release: release.value };
}

/**
 * Refuses a vmlinux of another kernel, naming both.
 *
 * @returns whether it is proved to be the same; false where nothing can be compared
 * @throws InvalidError if it is another one, unless `force` takes it all the same
 */
export function checkVmlinux(
  vmlinux: Vmlinux,
  dump: KernelNames,
  { problems, force }: CheckOptions,
): boolean {
  const { buildId, banner } = vmlinux;
  const own: KernelNames = { buildId, banner, release: releaseIn(banner) };
  const by = NAMES.find(({ key }) => own[key] !== undefined && dump[key] !== undefined);
  if (by === undefined) return false;
  if (own[by.key] === dump[by.key]) return by.key !== 'release';
  const told = (names: KernelNames): string => {
    const release = by.key === 'release' ? undefined : (names.release ?? releaseIn(names.banner));
    return `${by.words} ${names[by.key]}${release === undefined ? '' : ` (${release})`}`;
  };
  const what = `of another kernel: expected ${told(dump)}, have ${told(own)}`;
  if (!force) throw new InvalidError(`vmlinux ${vmlinux.name}: ${what}`);
  problems.addMessage(`vmlinux ${vmlinux.name}`, `${what}; taken all the same`);
  return true;
}

const NAMES = [
  { key: 'buildId', words: 'build ID' },
  { key: 'banner', words: 'banner' },
  { key: 'release', words: 'release' },
] as const;

/** What `uname -r` would say. */
export function releaseIn(banner: string | undefined): string | undefined {
  return /^Linux version (\S+)/.exec(banner ?? '')?.[1];
}
