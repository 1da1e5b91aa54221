// Text in lines of a limited width, for terminals: nothing is lost without a mark, nothing moves the cursor.

/** Of a whole line. A character counts as one column, whatever it is. */
export const LINE = 120;

/** On one line, and harmless: characters that no one sees, or that a terminal obeys, as `\u{…}`. */
export function printable(text: string): string {
  const line = text.toWellFormed().replaceAll(/[\n\r\t]+/gu, ' ');
  return line.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\uFFFE\uFFFF]/gu, (each) => `\\u{${(each.codePointAt(0) as number).toString(16)}}`);
}

/** In characters as people count them: a pair of surrogates is one. */
export function widthOf(text: string): number {
  return Array.from(text).length;
}

/** Schedules can be longer than a call may have arguments. */
export function widest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, widthOf(text)), 0);
}

/** At most `width` characters; what is cut out of the middle leaves an ellipsis. */
export function cut(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  const kept = Math.max(0, width - 1);
  const tail = Math.floor(kept / 2);
  return [...characters.slice(0, kept - tail), '…', ...characters.slice(characters.length - tail)].join('');
}

export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

/** Lines of at most `width` characters, broken at spaces, or anywhere in a word that is longer. At least one line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  const words = printable(text).split(' ');
  for (const word of words.flatMap((each) => pieces(each, width))) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function pieces(word: string, width: number): string[] {
  const characters = Array.from(word);
  const count = Math.ceil(characters.length / width);
  return Array.from({ length: count }, (_, index) => characters.slice(index * width, (index + 1) * width).join(''));
}

/** A word in front of a text that goes on below itself. */
export function labelled(label: string, text: string, indent: number): string[] {
  return wrap(text, LINE - indent).map((line, index) => `${padTo(index === 0 ? label : '', indent)}${line}`.trimEnd());
}

/** `1,234 steps`, `1 step`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}
