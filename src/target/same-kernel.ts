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
  /** A build ID that proves nothing, but may be what to look for. */
  readonly doubtful?: string | undefined;
}

/** What a vmlinux was found to be. */
export interface VmlinuxCheck {
  /** Whether it is proved to be the dump's; false where nothing can be compared. */
  readonly isProved: boolean;
  /** That it is of another kernel, in words, where it is taken all the same. */
  readonly forced?: string;
}

/**
 * What VMCOREINFO says, before there are symbols. Its build ID is garbage in some kernels, so that
 * one which differs does not count.
 */
export function namesInVmcoreinfo({ buildId, osrelease }: Vmcoreinfo, own?: string): KernelNames {
  const told = buildId?.hex;
  const same = told === own ? own : undefined;
  return { buildId: same, banner: undefined, release: osrelease, doubtful: told };
}

/** What the dump was found to be. */
export function namesOf({ buildId, banner, release }: KernelIdentity): KernelNames {
  return { buildId: buildId?.value, banner: banner?.value, release: release.value };
}

/**
 * Refuses a vmlinux of another kernel, naming both.
 *
 * @throws InvalidError if it is another one, unless `force` takes it all the same
 */
export function checkVmlinux(vmlinux: Vmlinux, dump: KernelNames, force: boolean): VmlinuxCheck {
  const { buildId, banner } = vmlinux;
  const own: KernelNames = { buildId, banner, release: releaseIn(banner) };
  const by = NAMES.find(({ key }) => own[key] !== undefined && dump[key] !== undefined);
  if (by === undefined) return { isProved: false };
  if (own[by.key] === dump[by.key]) return { isProved: by.key !== 'release' };
  const told = (names: KernelNames): string =>
    `${by.words} ${names[by.key]}${others(names, by.key)}`;
  const forced = `of another kernel: expected ${told(dump)}, have ${told(own)}`;
  if (!force) throw new InvalidError(`vmlinux ${vmlinux.name}: ${forced} (${FORCE_HINT})`);
  return { isProved: true, forced };
}

/** Where what is refused may be wanted all the same. */
export const FORCE_HINT = '--force takes it all the same';

/** What else is known, for who looks for the right file. */
function others({ release, banner, buildId, doubtful }: KernelNames, key: string): string {
  if (key === 'release') {
    const id = buildId ?? doubtful;
    return id === undefined ? '' : ` (build ID ${id})`;
  }
  const name = release ?? releaseIn(banner);
  return name === undefined ? '' : ` (${name})`;
}

/** Says whether the user's vmlinux is proved, and what became of one of another kernel. */
export function tellVmlinux(
  { name }: Vmlinux,
  { isProved, forced }: VmlinuxCheck,
  { problems, isUsed }: { problems: Problems; isUsed: boolean },
): void {
  const subject = `vmlinux ${name}`;
  if (!isProved) {
    const what = 'it has neither build ID nor banner to compare: taken unproved';
    problems.addMessage(subject, what);
  } else if (forced !== undefined && isUsed) {
    problems.addForced(subject, `${forced}; taken all the same`);
  } else if (forced !== undefined) {
    problems.addMessage(subject, `${forced}; left out, nothing of it fits`);
  }
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
