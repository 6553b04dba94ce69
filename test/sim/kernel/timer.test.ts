import assert from 'node:assert/strict';
import { wheelExpiry } from '../../../src/sim/kernel/timer.ts';

describe('wheelExpiry', () => {
  const cases: readonly [about: string, now: number, timeout: number, late: number][] = [
    ['the next jiffy for the shortest timeout', 1000, 1, 1],
    ['one jiffy late within the first level', 1000, 62, 1],
    ['the next multiple of 8 at the second level', 1000, 63, 1064 - 1063],
    ['the next multiple of 64 at the third', 1024, 504, 1536 - 1528],
    ['240 ms late for 10 s at HZ=1000', 0, 10_000, 240],
  ];
  for (const [about, now, timeout, late] of cases) {
    it(`is ${about}`, () => {
      assert.equal(wheelExpiry(now, now + timeout), now + timeout + late);
    });
  }

  it('is never early and never later than an eighth of the timeout and a bit', () => {
    for (let timeout = 0; timeout < 100_000; timeout += 7) {
      for (const now of [0, 5, 4_294_893_296]) {
        const late = wheelExpiry(now, now + timeout) - (now + timeout);
        assert.ok(late > 0 && late <= timeout / 7 + 1, `${timeout} from ${now}: ${late} late`);
      }
    }
  });
});
