/** Deeper than any honest document: configurations of nested networks reach about a hundred. */
const MAX_DEPTH = 500;

/**
 * JSON from outside. V8 parses any depth, but whatever walks, compares or prints the result afterwards would run out of
 * stack, so a document that is nested too deeply is refused like one that is no JSON.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === BACKSLASH) i++;
      else if (c === QUOTE) inString = false;
    } else if (c === QUOTE) inString = true;
    else if (c === OPEN_LIST || c === OPEN_OBJECT) {
      if (++depth > MAX_DEPTH) throw new SyntaxError(`nested more than ${MAX_DEPTH} deep at position ${i}`);
    } else if (c === CLOSE_LIST || c === CLOSE_OBJECT) depth--;
  }
  return JSON.parse(text);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
