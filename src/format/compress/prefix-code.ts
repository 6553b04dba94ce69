// Prefix codes for an encoder: which symbol gets how many bits, and which (RFC 1951, 3.2.2).

/** A code: of each symbol its bits, the first to be written in bit 0, and how many there are. */
export interface PrefixCode {
  readonly bits: Uint16Array;
  /** 0 for a symbol that does not occur. */
  readonly lengths: Uint8Array;
}

/** The shortest code for symbols that occur so often, with no more than `lengthMax` bits each. */
export function prefixCode(counts: Uint32Array, lengthMax: number): PrefixCode {
  let scaled = counts;
  let lengths = treeDepths(scaled);
  while (lengths.some((length) => length > lengthMax)) {
    // Flatter counts make a flatter tree; in the end all are 1.
    scaled = scaled.map((count) => (count === 0 ? 0 : (count >> 1) | 1));
    lengths = treeDepths(scaled);
  }
  return { bits: canonicalBits(lengths, lengthMax), lengths };
}

/** Depth of each symbol in Huffman's tree; where there is only one symbol, it gets one bit. */
function treeDepths(counts: Uint32Array): Uint8Array {
  const depths = new Uint8Array(counts.length);
  const leaves = [...counts.keys()].filter((symbol) => counts[symbol] !== 0);
  leaves.sort((a, b) => (counts[a] as number) - (counts[b] as number) || a - b);
  if (leaves.length === 1) depths[leaves[0] as number] = 1;
  if (leaves.length < 2) return depths;
  const parents = treeParents(leaves.map((symbol) => counts[symbol] as number));
  // A parent comes after its children, the root last.
  const nodeDepths = new Array<number>(parents.length).fill(0);
  for (let node = parents.length - 2; node >= 0; node--) {
    nodeDepths[node] = (nodeDepths[parents[node] as number] as number) + 1;
  }
  leaves.forEach((symbol, node) => {
    depths[symbol] = nodeDepths[node] as number;
  });
  return depths;
}

/** Parents of the leaves, whose weights ascend, and then of the inner nodes as they are made. */
function treeParents(weights: readonly number[]): number[] {
  const leafCount = weights.length;
  const all = [...weights];
  const parents: number[] = [];
  let leaf = 0;
  let inner = leafCount;
  const takeLightest = (): number => {
    const isLeaf =
      leaf < leafCount && (inner === all.length || (all[leaf] as number) <= (all[inner] as number));
    return isLeaf ? leaf++ : inner++;
  };
  while (all.length < 2 * leafCount - 1) {
    const [a, b] = [takeLightest(), takeLightest()];
    parents[a] = parents[b] = all.length;
    all.push((all[a] as number) + (all[b] as number));
  }
  parents.push(0);
  return parents;
}

/** Codes of a length are consecutive numbers, in the order of their symbols. */
function canonicalBits(lengths: Uint8Array, lengthMax: number): Uint16Array {
  const bits = new Uint16Array(lengths.length);
  let code = 0;
  for (let length = 1; length <= lengthMax; length++) {
    for (const [symbol, each] of lengths.entries()) {
      if (each === length) bits[symbol] = reversed(code++, length);
    }
    code <<= 1;
  }
  return bits;
}

/** Codes are written from their highest bit on. */
function reversed(code: number, length: number): number {
  let bits = 0;
  for (let i = 0; i < length; i++) bits |= ((code >> i) & 1) << (length - 1 - i);
  return bits;
}
