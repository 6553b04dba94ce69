// mocha's spec reporter, which also writes its counts to the file that STALLCORE_COUNTS names, so
// that .ci/run can end with them: `N passed, N failed, N skipped`.

import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const path = process.env.STALLCORE_COUNTS;
    if (path === undefined) return;
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats ?? { passes: 0, failures: 0, pending: 0 };
      writeFileSync(path, `${passes} passed, ${failures} failed, ${pending} skipped\n`);
    });
  }
}
