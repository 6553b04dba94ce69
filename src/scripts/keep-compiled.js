// Runs verbs on a sample and keeps in dist/ what node has compiled on the way. JavaScript, because
// it must run in a node without tsx, as the command line does.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CACHE, runBundle } from '../../bin/load-bundle.js';

const SAMPLE = fileURLToPath(new URL('../../samples/oom-victim-mutex.vmcore', import.meta.url));

/** What is most often asked. Code that none of them runs is compiled when it is. */
const LINES = [
  ['triage'],
  ['bt', '--all'],
  ['tasks'],
  ['info'],
  ['memalloc'],
  ['locks'],
  ['mem'],
  ['log'],
];

const { exports, script } = runBundle();
const { main } = exports.commandLine();
for (const [verb, ...options] of LINES) {
  const status = await main([verb, ...options, SAMPLE]);
  if (status !== 0) throw new Error(`${verb} ended with ${status} on ${SAMPLE}`);
}
writeFileSync(CACHE, script.createCachedData());
