// A process that unpacks a file, says so, and waits: test/target/unwrap.test.ts interrupts it.
// Arguments: the packed file, the folder for the temporary file, `inside` to stop while unpacking.

import { writeSync } from 'node:fs';
import { FileSource } from '../../src/target/file-source.ts';
import { openWrapped } from '../../src/target/unwrap.ts';

const [, , path = '', tmpDir = '', where = ''] = process.argv;

function waitForSignal(): never {
  writeSync(1, 'ready\n');
  // Blocks the thread, as unpacking does: no handler of ours could run now.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000);
  throw new Error('no signal came');
}

const opened = openWrapped(FileSource.open(path), {
  tmpDir,
  onProgress: (done) => {
    if (where === 'inside' && done > 0) waitForSignal();
  },
});
void opened.then(waitForSignal);
