// The process behind CliRunner: runs one command line after the other and answers over IPC.

import { main } from '../../src/cli/main.ts';

process.on('message', (argv: string[]) => {
  const startedAt = performance.now();
  void main(argv).then((exitCode) => {
    const { maxRSS } = process.resourceUsage();
    process.send?.({ exitCode, maxRssKib: maxRSS, elapsedMs: performance.now() - startedAt });
  });
});
