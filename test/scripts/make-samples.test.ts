import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { makeSample, SAMPLES } from '../../src/scripts/make-samples.ts';
import type { Ledger } from '../../src/sim/ledger.ts';
import { openVmcore } from '../../src/target/open.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { checkAll } from '../support/ledger-checks.ts';

const FOLDER = fileURLToPath(new URL('../../samples/', import.meta.url));
const FILE_BYTES_MAX = 400_000;
const ALL_BYTES_MAX = 2 << 20;

function ledgerOf(name: string): Ledger {
  return JSON.parse(readFileSync(`${FOLDER}${name}.ledger.json`, 'utf8')) as Ledger;
}

describe('makeSample', function () {
  this.timeout(120_000);
  for (const sample of SAMPLES) {
    it(`remakes samples/${sample.scenario}.* bit for bit`, () => {
      for (const [name, bytes] of makeSample(sample)) {
        assert.ok(readFileSync(FOLDER + name).equals(bytes), `${name} is not what is remade`);
      }
    });
  }
});

describe('SAMPLES', () => {
  // Folders are of other tests: scripts/.
  const files = readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

  it('stay small, one and all', () => {
    const sizes = files.map((name) => readFileSync(FOLDER + name).length);
    assert.ok(Math.max(...sizes) < FILE_BYTES_MAX, sizes.join());
    assert.ok(sizes.reduce((sum, size) => sum + size) < ALL_BYTES_MAX, sizes.join());
  });

  it('are all that lies in samples/, and README.md there names each', () => {
    const readme = readFileSync(`${FOLDER}README.md`, 'utf8');
    const vmcores = files.filter((name) => name.endsWith('.vmcore'));
    assert.deepEqual(vmcores, SAMPLES.map(({ scenario }) => `${scenario}.vmcore`).sort());
    for (const name of vmcores) assert.ok(readme.includes(`\`${name}\``), name);
  });

  it('show five diagnoses, each flavour, and the watchdog on and off', () => {
    const truths = SAMPLES.map(({ scenario }) => ledgerOf(scenario).truth.diagnosis);
    assert.deepEqual(truths, ['D3', 'D2', 'D14', 'D8', 'D1']);
    assert.equal(new Set(SAMPLES.map(({ flavour }) => flavour)).size, 3);
    const [quietly, loudly] = SAMPLES.map(({ scenario }) => ledgerOf(scenario).logLines.length);
    assert.equal(quietly, 0);
    assert.ok((loudly ?? 0) > 10);
  });
});

describe('a sample, read', () => {
  for (const { scenario, flavour } of SAMPLES) {
    describe(scenario, () => {
      let vmcore: Vmcore;
      let ledger: Ledger;
      before(async () => {
        ledger = ledgerOf(scenario);
        const systemMap = `${FOLDER}${scenario}.System.map`;
        const options = existsSync(systemMap) ? { systemMap } : {};
        vmcore = await openVmcore([`${FOLDER}${scenario}.vmcore`], options);
      });
      after(() => vmcore.close());

      it('is what its ledger says', () => {
        checkAll(vmcore, ledger, flavour === '4.4' ? '4.4' : '6.1');
      });
    });
  }
});
