import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SIM = fileURLToPath(new URL('../../../src/sim/', import.meta.url));

describe('call', () => {
  it('finds each function of the kernel under a name of its own', () => {
    // The symbol is the name of the function in the code; a bundler renames the second of two.
    const places = new Map<string, string[]>();
    for (const path of readdirSync(SIM, { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts')) continue;
      const text = readFileSync(`${SIM}${path}`, 'utf8');
      for (const [, generator, plain] of text.matchAll(
        /^(?:export )?function(?:\* (\w+)| (\w+)[^{]*\): Code\b)/gm,
      )) {
        const name = generator ?? plain!;
        places.set(name, [...(places.get(name) ?? []), path]);
      }
    }
    assert.ok(places.size > 50, `${places.size} functions`);
    assert.deepEqual(
      [...places].filter(([, paths]) => paths.length > 1),
      [],
    );
  });
});
