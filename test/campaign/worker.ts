// A process of a campaign: runs the cases that it is sent, one after the other, until its parent
// closes the channel.

import type { CampaignCase } from './cases.ts';
import { runCase, type CaseResult } from './run-case.ts';

/** What a worker answers. */
export type Answer = { readonly result: CaseResult } | { readonly failure: string };

process.on('message', (each: CampaignCase) => {
  void answer(each).then((text) => process.send?.(text));
});

async function answer(each: CampaignCase): Promise<Answer> {
  try {
    return { result: await runCase(each) };
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
