import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { commandText } from '../../src/report/command.ts';

describe('commandText', () => {
  it('puts the dump behind the verb, for what follows it may be pids', () => {
    assert.equal(commandText('bt 47 45'), '[stallcore bt VMCORE 47 45]');
    assert.equal(commandText('memalloc --all'), '[stallcore memalloc VMCORE --all]');
    assert.equal(commandText('tasks'), '[stallcore tasks VMCORE]');
  });

  it('is given verbs that there are, in every diagnosis', async () => {
    const triage = fileURLToPath(new URL('../../src/triage/', import.meta.url));
    const { readFileSync } = await import('node:fs');
    const files = [triage, `${triage}diagnoses/`].flatMap((folder) =>
      readdirSync(folder).flatMap((name) => (name.endsWith('.ts') ? [folder + name] : [])),
    );
    const verbs = files.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/verb: [`']([a-z]+)/g)].map(([, verb]) => verb),
    );
    assert.ok(verbs.length > 20);
    for (const verb of new Set(verbs)) {
      const command = new URL(`../../src/cli/commands/${verb}.ts`, import.meta.url);
      assert.ok(existsSync(command), `no verb ${verb}`);
    }
  });
});
