// The fenced blocks of the README and of the guides, and the convention that guides.test.ts holds them to:
//
// - A block whose first line is a comment with a file name and nothing else (`// server.mjs`, `# nginx.conf`,
//   `<!-- page.html -->`) is a file. All files of a document are written into one folder; a file that no test has taken
//   by its name fails the tests. Two files of a document have different names.
// - A program that listens takes its port from `process.env.PORT ?? 8080`, listens on 127.0.0.1, prints its address
//   first, in one line (`listening on ws://127.0.0.1:8080`), and ends with the status 0 after SIGINT. A client takes
//   that address from `process.argv[2] ?? 'ws://127.0.0.1:8080'` and ends by itself. Nothing is printed to stderr
//   when all goes well.
// - A js or ts block without a file name is a fragment: it is type-checked, not run. It imports nothing and finds what
//   the package exports, the arguments of `'upgrade'` and the usual objects: see fragments.ts. What has imports of its
//   own is a program, and has a file name.
// - An sh block without a file name is commands: each of its lines is in the table of guides.test.ts, with where it is
//   tested or why it cannot be.
// - A block without a language, or with the language text, is a picture or what a program prints: nobody runs it.
//   Other languages need a file name.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './packed-project.js';

export interface Block {
  /** The document, from the root of the repository. */
  readonly document: string;
  /** The line on which its text begins, from 1. */
  readonly line: number;
  /** What stands behind the opening fence; empty if nothing does. */
  readonly language: string;
  /** The file that it is, if its first line names one. */
  readonly file: string | undefined;
  /** Its text, with a line break at the end. */
  readonly text: string;
}

/** The README and the guides, from the root of the repository. */
export function documents(): string[] {
  const guides = readdirSync(join(repository, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...guides.sort().map((name) => `docs/${name}`)];
}

export function blocksOf(document: string): Block[] {
  return parseBlocks(document, readFileSync(join(repository, document), 'utf8'));
}

/** The fenced blocks of a text (CommonMark section 4.5), those inside a list item too. */
export function parseBlocks(document: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { indent: string; fence: string; language: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    const [, indent = '', fence, language = ''] = /^( *)(`{3,}|~{3,}) *(\S*)/.exec(line) ?? [];
    if (open === undefined) {
      if (fence !== undefined) open = { indent, fence, language, line: index + 2, lines: [] };
    } else if (fence?.startsWith(open.fence) === true && language === '') {
      const text = open.lines.map((each) => `${each}\n`).join('');
      blocks.push({ document, line: open.line, language: open.language, file: fileOf(open.lines[0]), text });
      open = undefined;
    } else {
      open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line.trimStart());
    }
  }
  if (open !== undefined) throw new Error(`${document}:${String(open.line - 1)}: the block has no end`);
  return blocks;
}

/** The file that a comment names: one word with an extension. */
function fileOf(firstLine = ''): string | undefined {
  return /^(?:\/\/|#|<!--|\/\*) ([\w./-]+\.\w+)(?: -->| \*\/)?$/.exec(firstLine)?.[1];
}
