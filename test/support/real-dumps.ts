// The dumps of real kernels that lie beside the project and are never committed. A test that wants
// one skips, with a reason, where the folder is absent.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openVmcore, type Vmcore } from '../../src/target/index.ts';

const VMCORES = fileURLToPath(new URL('../../../shared/vmcores/', import.meta.url));

/** What `this` is inside a mocha test or hook, as far as we use it. */
interface Skippable {
  skip(): void;
  test?: { title: string } | undefined;
}

/** The path of a real dump; skips the running test where it is absent. */
export function realDump(context: Skippable, name: string): string {
  const path = VMCORES + name;
  if (!existsSync(path)) {
    if (context.test !== undefined) {
      context.test.title += ` (skipped: ../shared/vmcores/${name} is not here)`;
    }
    context.skip();
  }
  return path;
}

/** The text of a truth file: `k61-press/tasks.tsv`. */
export function truthFile(context: Skippable, name: string): string {
  return readFileSync(realDump(context, `truth/${name}`), 'latin1');
}

/** Opens a dump for the time of one test. */
export async function withVmcore<T>(path: string, use: (vmcore: Vmcore) => T): Promise<T> {
  const vmcore = await openVmcore([path]);
  try {
    return use(vmcore);
  } finally {
    vmcore.close();
  }
}
