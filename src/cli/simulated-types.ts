// The types of the simulated kernel: those of a real 6.1 kernel with the patch, and in its tasks
// the record of the version that is simulated.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { patchVersion, type PatchName } from '../sim/simulate.ts';
import { structsFolder } from '../target/kernel-types.ts';
import { withRecordLayout } from '../types/layout-record.ts';
import { readLayout, type LayoutTypes } from '../types/layout.ts';

/** A real 6.1 kernel with the patch v3, and one as Debian builds it. */
const PATCHED = '6.1.192-kmallocwd2-x86_64.json';
const UNPATCHED = '6.1.0-56-cloud-amd64-x86_64.json';
/** The simulated 4.4 kernel itself. */
const OLD = '4.4.1-stallcore-sim-x86_64.json';

/** Types for a version of the patch; those of the 4.4 flavour have the record of v3. */
export function simulatedTypes(patch: PatchName, flavour: '4.4' | '6.1' = '6.1'): LayoutTypes {
  if (flavour === '4.4') return readLayout(layoutText(OLD), OLD);
  const { layout } = patchVersion(patch);
  if (layout === undefined) return readLayout(layoutText(UNPATCHED), UNPATCHED);
  const kernel = layoutText(PATCHED);
  // Its own.
  if (layout === 'L3') return readLayout(kernel, PATCHED);
  const record = `memalloc-${layout}.json`;
  return withRecordLayout(kernel, layoutText(record), `${PATCHED} with ${record}`);
}

function layoutText(name: string): string {
  return readFileSync(join(structsFolder() ?? '', name), 'utf8');
}
