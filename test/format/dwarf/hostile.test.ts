// Damaged DWARF ends in an error that names section and offset, whichever part is damaged.

import assert from 'node:assert/strict';
import { Dwarf } from '../../../src/format/dwarf/dwarf.ts';
import { DwarfTypes } from '../../../src/types/dwarf-types.ts';
import { VmcoreError } from '../../../src/util/errors.ts';
import { sound, type Sections } from '../../support/damaged-dwarf.ts';
import { dwarfSources, type DwarfBytes } from '../../support/dwarf-writer.ts';
import { useTypes } from '../../support/use-types.ts';
import { ABBREVIATIONS, ENTRIES, HEADERS } from '../../hostile/dwarf-header-cases.ts';
import { REFERENCES, STRINGS, VALUES } from '../../hostile/dwarf-value-cases.ts';

/** The error that comes of reading everything. */
function errorOf(sections: Sections): VmcoreError | undefined {
  try {
    useTypes(new DwarfTypes(new Dwarf(dwarfSources(sections as DwarfBytes)), 'test'));
    return undefined;
  } catch (error) {
    if (error instanceof VmcoreError) return error;
    throw error;
  }
}

describe('damaged DWARF', () => {
  it('is what is damaged in it: without damage all is read', () => {
    assert.equal(errorOf(sound()), undefined);
  });

  for (const [what, sections, message] of [
    ...[HEADERS, ABBREVIATIONS, ENTRIES, REFERENCES, STRINGS, VALUES].flat(),
  ]) {
    it(`ends in section and offset where it has ${what}`, () => {
      const error = errorOf(sections);
      assert.match(error?.message ?? 'no error', message);
    });
  }
});
