#!/usr/bin/env node
// Starts the built command line; `npm ci` builds it (src/scripts/build.ts).

import module from 'node:module';

// Node 22.8 and later keep compiled code between runs; Node 20 has no such thing.
module.enableCompileCache?.();

const { main } = await import('../dist/cli.js');
process.exitCode = await main(process.argv.slice(2));
