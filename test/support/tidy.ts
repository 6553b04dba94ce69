// What a tidy check is: a pure function over the files of the project. Being pure, each can be
// shown a small made-up project with a planted break, which test/tidy.test.ts does.

import ts from 'typescript';

/** A file of the project. */
export interface ProjectFile {
  /** From the root of the project, with forward slashes. */
  readonly path: string;
  /** Its content as UTF-8; empty for those below `samples/`, which are not read. */
  readonly text: string;
}

/** A rule that a file breaks. */
export interface Break {
  readonly path: string;
  /** 1-based; 0 where the whole file is meant. */
  readonly line: number;
  readonly what: string;
}

/** One rule of the house. */
export interface Rule {
  readonly name: string;
  check(files: readonly ProjectFile[]): Break[];
}

/** `path:line: what`, as editors know it. */
export function describeBreak({ path, line, what }: Break): string {
  return line === 0 ? `${path}: ${what}` : `${path}:${line}: ${what}`;
}

/** Whether this is TypeScript or JavaScript of ours. */
export function isCode(path: string): boolean {
  return /\.(ts|js)$/.test(path);
}

/** Which folder of src/ a file belongs to: `kernel`; `index` for src/index.ts; else undefined. */
export function layerOf(path: string): string | undefined {
  return /^src\/(?:([^/]+)\/.+|(index)\.ts)$/.exec(path)?.slice(1).find(Boolean);
}

/** The line, 1-based, of a character offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** Calls `visit` for each node of the file's syntax tree, outermost first. */
export function visitSyntax(
  file: ProjectFile,
  visit: (node: ts.Node, source: ts.SourceFile) => void,
): void {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  const step = (node: ts.Node): void => {
    visit(node, source);
    ts.forEachChild(node, step);
  };
  step(source);
}

/** A rule that looks at one file at a time. */
export function perFile(
  name: string,
  applies: (path: string) => boolean,
  check: (file: ProjectFile) => Omit<Break, 'path'>[],
): Rule {
  return {
    name,
    check: (files) =>
      files
        .filter((file) => applies(file.path))
        .flatMap((file) => check(file).map((found) => ({ path: file.path, ...found }))),
  };
}
