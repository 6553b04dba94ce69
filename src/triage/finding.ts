// What a diagnosis says of a dump.

import type { Diagnosis } from '../util/diagnosis.ts';
import type { Evidence } from './evidence.ts';

/**
 * - `certain`: the dump itself shows that nothing can go on, whatever the time
 * - `likely`: all signs are there that a dump can show
 * - `possible`: some are, and nothing better explains the rest
 */
export type Confidence = 'certain' | 'likely' | 'possible';

/** The surest first. */
export const CONFIDENCES: readonly Confidence[] = ['certain', 'likely', 'possible'];

/** One diagnosis of one dump. */
export interface Finding {
  readonly diagnosis: Diagnosis;
  /** In the field's words: `OOM victim waits for a lock whose holder waits for memory`. */
  readonly name: string;
  /** One plain sentence with the names of those concerned. */
  readonly sentence: string;
  readonly confidence: Confidence;
  /** Why it is as sure as that. */
  readonly because: string;
  readonly evidence: readonly Evidence[];
  readonly against: readonly string[];
  /** What would have made it surer. */
  readonly missing: readonly string[];
  /** The next step for the engineer. */
  readonly next: string;
  /** Pids of those who must move first. */
  readonly culprits: readonly number[];
}
