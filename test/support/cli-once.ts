// Runs one command line from source, as bin/stallcore.js runs the bundle.

import { main } from '../../src/cli/main.ts';

process.exitCode = await main(process.argv.slice(2));
