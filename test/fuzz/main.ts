// npm run fuzz -- [SEED [COUNT]]: damages the sample at random in every container. A seed is one
// case; without one they start at the clock.

import { fuzz } from './campaign.ts';

const [seedText, countText] = process.argv.slice(2);
const seed = seedText === undefined ? Date.now() % 2 ** 31 : Number(seedText);
const count = countText === undefined ? 1000 : Number(countText);
process.stdout.write(`seeds ${seed} to ${seed + count - 1}\n`);

const failures = await fuzz(seed, count, (each, target) => {
  // Told before the case runs: one that never ends is the last one told of.
  if (process.stderr.isTTY || process.env.FUZZ_VERBOSE !== undefined) {
    process.stderr.write(`${each} ${target}\n`);
  }
});
for (const { seed: each, target, what } of failures) {
  process.stdout.write(`seed ${each}, ${target}: ${what}\n`);
}
process.stdout.write(`${count} cases, ${failures.length} failures\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
