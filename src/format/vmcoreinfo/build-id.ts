// Releases whose VMCOREINFO names a wrong build ID. This is the one place that looks at a release,
// and it decides no layout: the value that these kernels wrote is garbage that looks like a build
// ID, so nothing in the dump betrays it. Source: drgn, libdrgn/linux_kernel.c, which found that
// stable backports of "lib/buildid: harden build ID parsing logic" broke the in-memory parser;
// later stable releases repaired it.

/** The first and last bad patch level of a `major.minor` series; both are inclusive. */
const BAD_PATCH_LEVELS: ReadonlyMap<string, readonly [first: number, last: number]> = new Map([
  ['5.15', [168, Infinity]],
  ['6.1', [113, 118]],
  ['6.6', [55, 62]],
  ['6.10', [14, 14]],
  ['6.11', [3, 9]],
]);

/** Whether the `BUILD-ID` of this release is known to be garbage. */
export function hasBuildIdBug(osrelease: string): boolean {
  const match = /^(\d{1,3}\.\d{1,3})\.(\d{1,5})(?:\D|$)/.exec(osrelease);
  const bad = BAD_PATCH_LEVELS.get(match?.[1] ?? '');
  const patch = Number(match?.[2]);
  return bad !== undefined && patch >= bad[0] && patch <= bad[1];
}
