// The proof of a packed dump: opened again, it gives the same triage.

import { openVmcore } from '../target/index.ts';
import { triage, type TriageAnswer } from '../triage/triage.ts';
import type { PackOptions, PackResult } from './pack.ts';

/** Where two answers differ, in words; undefined where they are the same. */
export async function verifyPacked(
  path: string,
  { answer, problems }: Pick<PackResult, 'answer' | 'problems'>,
  options: Pick<PackOptions, 'noLog' | 'maskComm' | 'triage'>,
): Promise<string | undefined> {
  const vmcore = await openVmcore([path]);
  try {
    const again = triage(vmcore, options.triage);
    if (options.noLog === true || options.maskComm === true) {
      return differenceOf(verdictOf(answer), verdictOf(again), 'verdict');
    }
    const list = vmcore.problems.list;
    return differenceOf({ ...answer, problems }, { ...again, problems: list }, 'triage');
  } finally {
    vmcore.close();
  }
}

/** What must be the same where names are others and the log is gone. */
function verdictOf({ verdict, findings }: TriageAnswer): unknown {
  return {
    class: verdict.class,
    diagnosis: verdict.diagnosis,
    confidence: verdict.confidence,
    findings: findings.map(({ diagnosis, confidence }) => [diagnosis, confidence]),
  };
}

/** The first place where two results differ: `triage.verdict.sentence: have …, expected …`. */
function differenceOf(expected: unknown, have: unknown, path: string): string | undefined {
  return differ(plain(expected), plain(have), path);
}

/** As JSON has it: a member that is undefined is none. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}

function differ(expected: unknown, have: unknown, path: string): string | undefined {
  if (isObject(expected) && isObject(have)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(have)]);
    for (const key of keys) {
      const found = differ(expected[key], have[key], `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (expected === have) return undefined;
  return `${path}: expected ${short(expected)}, have ${short(have)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function short(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
