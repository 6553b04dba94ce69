// Packs a dump: runs the triage, follows what it reads, and writes that and nothing else.

import type { PageCodec } from '../format/compress/pages.ts';
import { openVmcore, type OpenOptions, type Vmcore } from '../target/index.ts';
import type { AskedTypes, TypesExport } from '../target/asked-types.ts';
import type { PackFacts, PackLevel, PackManifest } from '../target/pack-manifest.ts';
import { OPENING_STEPS } from '../target/watch.ts';
import { triage, type TriageAnswer, type TriageOptions } from '../triage/triage.ts';
import type { ByteSink } from '../util/io.ts';
import { optional } from '../util/optional.ts';
import { bytesIn } from '../util/ranges.ts';
import { checksumOf, CHECKSUM_OF } from './checksum.ts';
import { maskedCpuNotes } from './cpu-notes.ts';
import { keptPages, pagesOf } from './kept-pages.ts';
import { keptParts, unionOf } from './manifest.ts';
import { packNotes } from './pack-note.ts';
import type { PackedDump } from './packed-dump.ts';
import { Recorder } from './recorder.ts';
import { writePackedKdump } from './write-kdump.ts';

/** How to pack. */
export interface PackOptions {
  readonly level: PackLevel;
  readonly codec: PageCodec;
  /** The program: `stallcore 0.1.0`. */
  readonly tool: string;
  readonly open?: Omit<OpenOptions, 'watch'>;
  readonly triage?: TriageOptions;
}

/** What came of it. */
export interface PackResult {
  readonly type: 'pack';
  readonly manifest: PackManifest;
  /** The answer that the packed dump gives again. */
  readonly answer: TriageAnswer;
}

/**
 * Packs a dump.
 *
 * @param paths the dump, one file or all parts of a split one
 * @throws VmcoreError if it cannot be opened
 */
export async function packVmcore(
  paths: readonly string[],
  sink: ByteSink,
  options: PackOptions,
): Promise<PackResult> {
  const recorder = new Recorder();
  const vmcore = await openVmcore(paths, { ...options.open, watch: recorder });
  try {
    const answer = triage(vmcore, options.triage);
    const { dump, manifest } = dumpOf(vmcore, recorder, { ...options, paths });
    writePackedKdump(dump, sink, options.codec);
    return { type: 'pack', manifest, answer };
  } finally {
    vmcore.close();
  }
}

type DumpOptions = PackOptions & { readonly paths: readonly string[] };

function dumpOf(
  vmcore: Vmcore,
  recorder: Recorder,
  options: DumpOptions,
): { dump: PackedDump; manifest: PackManifest } {
  const byKind = recorder.rangesByKind();
  const kept = unionOf(byKind.values());
  const { memory } = recorder.container;
  const stored = pagesOf(kept, memory.pageSize);
  const pageCount = bytesIn(stored) / memory.pageSize;
  const symbols = recorder.notedSymbols();
  const manifest: PackManifest = {
    tool: options.tool,
    level: options.level,
    source: {
      container: recorder.container.info,
      checksum: checksumOf(options.paths),
      checksumOf: CHECKSUM_OF,
    },
    kept: keptParts(byKind),
    keptBytes: bytesIn(kept),
    keptPages: pageCount,
    symbols: symbols.kernel.covering.length + Object.keys(symbols.kernel.named).length,
    masked: [],
  };
  const types = recorder.askedTypes.export(layoutIdentity(vmcore));
  const facts = factsOf(vmcore, recorder, { manifest, types });
  const own = packNotes({ facts, symbols, layout: types.layout, kept });
  const cpus = maskedCpuNotes(recorder.container.notes, (cpu, name) =>
    recorder.wasAsked(cpu, name),
  );
  const vmcoreinfo = vmcoreinfoText(vmcore);
  const dump: PackedDump = {
    pageSize: memory.pageSize,
    stored,
    pageCount,
    end: memory.end,
    identity: vmcore.identity,
    cpuCount: Math.max(1, cpus.filter(({ name }) => name === 'CORE').length),
    vmcoreinfo,
    notes: [...cpus, { name: 'VMCOREINFO', type: 0, desc: vmcoreinfo }, ...own],
    pages: () => keptPages(memory, kept),
  };
  return { dump, manifest };
}

function factsOf(
  vmcore: Vmcore,
  recorder: Recorder,
  { manifest, types }: { manifest: PackManifest; types: TypesExport },
): PackFacts {
  const { source, paddr, physBase, physBaseSource } = recorder.kernel;
  const problems = OPENING_STEPS.map((step) => [step, recorder.problemsOf(step)] as const);
  return {
    manifest,
    ...optional('cut', vmcore.describeCut()),
    kernel: {
      vmcoreinfoSource: source,
      ...optional('vmcoreinfoPaddr', paddr),
      physBase,
      physBaseSource,
    },
    problems: Object.fromEntries(problems) as unknown as PackFacts['problems'],
    searches: recorder.searches,
    absent: recorder.absentRanges(),
    damaged: recorder.damagedRanges(),
    types: {
      origin: recorder.askedTypes.origin,
      variables: types.variables,
      missing: types.missing,
    },
  };
}

function layoutIdentity({ identity, types }: Vmcore): Parameters<AskedTypes['export']>[0] {
  return {
    release: identity.release.value,
    arch: 'x86_64',
    banner: identity.banner?.value ?? null,
    buildId: identity.buildId?.value ?? null,
    producer: 'stallcore pack',
    source: types.origin,
  };
}

/** As the kernel writes it; the first line is the one that is looked for in memory. */
function vmcoreinfoText({ vmcoreinfo }: Vmcore): Uint8Array {
  const lines = [...vmcoreinfo.entries].map(([key, value]) => `${key}=${value}\n`);
  return new Uint8Array(Buffer.from(lines.join(''), 'latin1'));
}
