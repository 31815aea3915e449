// What counts as a block, a file and a fragment: a block that this misses is one that nobody runs.
import { describe, expect, it } from 'vitest';
import { moduleOf } from './fragments.js';
import { parseBlocks } from './markdown.js';

const parse = (...lines: string[]) => parseBlocks('docs/some.md', lines.join('\n'));

describe('the blocks of a document', () => {
  it('have a language, a line and a text', () => {
    expect(parse('# Title', '', '```js', 'a();', '', 'b();', '```', 'text', '```', 'output', '```')).toEqual([
      { document: 'docs/some.md', line: 4, language: 'js', file: undefined, text: 'a();\n\nb();\n' },
      { document: 'docs/some.md', line: 10, language: '', file: undefined, text: 'output\n' },
    ]);
  });

  it.each([
    ['```js', '// server.mjs', 'server.mjs'],
    ['```nginx', '# conf/nginx.conf', 'conf/nginx.conf'],
    ['```html', '<!-- page.html -->', 'page.html'],
    ['```css', '/* page.css */', 'page.css'],
    ['```js', '// What the server says.', undefined],
    ['```js', 'server.mjs();', undefined],
  ])('in %s are the file that %j names', (fence, firstLine, file) => {
    expect(parse(fence, firstLine, 'more', '```')).toMatchObject([{ file, text: `${firstLine}\nmore\n` }]);
  });

  it('are found in lists, with tildes, and with longer fences around shorter ones', () => {
    expect(parse('- item', '', '  ```sh', '  ls', '    -l', '  ```')).toMatchObject([{ text: 'ls\n  -l\n' }]);
    expect(parse('~~~js', 'a();', '~~~')).toMatchObject([{ text: 'a();\n' }]);
    expect(parse('````md', '```js', 'a();', '```', '````')).toMatchObject([{ text: '```js\na();\n```\n' }]);
  });

  it('have an end', () => {
    expect(() => parse('text', '```js', 'a();')).toThrow('docs/some.md:2: the block has no end');
  });

  it('are type-checked when they are fragments or TypeScript', () => {
    const modulesOf = (...lines: string[]) => parse(...lines).map((block) => moduleOf(block)?.file);
    expect(modulesOf('```js', 'a();', '```')).toEqual(['docs-some-md-line-2.mts']);
    expect(modulesOf('```ts', '// echo.mts', '```')).toEqual(['docs-some-md-line-2-echo-mts.mts']);
    expect(modulesOf('```js', '// echo.mjs', '```', '```sh', 'ls', '```')).toEqual([undefined, undefined]);
  });
});
