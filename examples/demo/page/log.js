// @ts-check
/**
 * The log of messages and events: the newest last, and no more than ENTRIES of them. Knows nothing of the connection.
 */

import { bytes } from './size.js';

const ENTRIES = 500;
const LONGEST_TEXT = 5000;

/**
 * @typedef {object} LogEntry
 * @property {'sent' | 'received' | 'event' | 'problem'} kind
 * @property {string} text
 * @property {string} [who] who sent it, or to whom
 * @property {number} [size] in bytes
 * @property {Blob} [file] what `text` is the name of, to be downloaded
 */

const marks = {
  sent: { arrow: '↑', meaning: 'Sent' },
  received: { arrow: '↓', meaning: 'Received' },
  event: { arrow: '•', meaning: 'Event' },
  problem: { arrow: '!', meaning: 'Problem' },
};

export class Log {
  #scroller;
  #list;
  #newest;

  /**
   * @param {HTMLElement} scroller what scrolls
   * @param {HTMLElement} list what the entries are put into
   * @param {HTMLButtonElement} newest the way back to the end, shown when entries come while an older one is read
   */
  constructor(scroller, list, newest) {
    this.#scroller = scroller;
    this.#list = list;
    this.#newest = newest;
    newest.addEventListener('click', () => this.#scrollToEnd());
    scroller.addEventListener('scroll', () => {
      if (this.#isAtEnd) newest.hidden = true;
    });
  }

  /**
   * Adds an entry, and returns a function that writes a note into it later.
   * @param {LogEntry} entry
   */
  add({ kind, text, who, size, file }) {
    const wasAtEnd = this.#isAtEnd;

    const item = element('li', `entry ${kind}`);
    const mark = element('span', 'mark', marks[kind].arrow);
    mark.setAttribute('role', 'img');
    mark.setAttribute('aria-label', marks[kind].meaning);
    const note = element('span', 'note');
    const meta = element('span', 'meta');
    meta.append(note);
    if (size !== undefined) meta.append(element('span', 'size', bytes(size)));
    meta.append(timeOf(new Date()));
    item.append(mark, element('span', 'who', who ?? ''), meta, content(text, file));
    this.#list.append(item);

    while (this.#list.childElementCount > ENTRIES) this.#remove(this.#list.firstElementChild);
    if (wasAtEnd || kind === 'sent') this.#scrollToEnd();
    else this.#newest.hidden = false;
    return (/** @type {string} */ noted) => {
      note.textContent = noted;
    };
  }

  clear() {
    while (this.#list.firstElementChild !== null) this.#remove(this.#list.firstElementChild);
    this.#newest.hidden = true;
  }

  get #isAtEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    return scrollTop + clientHeight > scrollHeight - 24;
  }

  #scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#newest.hidden = true;
  }

  #remove(/** @type {Element | null} */ item) {
    // A blob's URL keeps its bytes in memory until it is revoked.
    const link = item?.querySelector('a');
    if (link) URL.revokeObjectURL(link.href);
    item?.remove();
  }
}

/**
 * @param {string} text
 * @param {Blob} [file]
 */
function content(text, file) {
  const shown = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}… (${text.length} characters)` : text;
  const body = element('div', 'body', shown);
  if (file !== undefined) {
    const link = document.createElement('a');
    link.className = 'download';
    link.href = URL.createObjectURL(file);
    link.download = text;
    link.textContent = 'Download';
    link.setAttribute('aria-label', `Download ${text}`);
    body.append(' ', link);
  }
  return body;
}

/** @param {Date} date */
function timeOf(date) {
  const time = document.createElement('time');
  time.dateTime = date.toISOString();
  time.textContent = date.toLocaleTimeString('en-GB');
  return time;
}

/**
 * @param {string} name
 * @param {string} className
 * @param {string} [text]
 */
function element(name, className, text = '') {
  const made = document.createElement(name);
  made.className = className;
  // Never innerHTML: the text comes from other people.
  made.textContent = text;
  return made;
}
