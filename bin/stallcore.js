#!/usr/bin/env node
// Starts the built command line; `npm ci` builds it (src/scripts/build.ts).

import { loadBundle } from './load-bundle.js';

const { main } = loadBundle().commandLine();
process.exitCode = await main(process.argv.slice(2), (url) => import(url));
