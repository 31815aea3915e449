/**
 * Cases 6.5 to 6.23: single sequences of octets, each sent as one text message. Valid UTF-8 is echoed; anything else
 * fails the connection with 1007 (RFC 6455 section 8.1; RFC 3629 says what is valid).
 */

import { answersCase, atOnce, failsCase, type ConformanceCase } from '../case.js';
import { text } from '../frames.js';

interface Group {
  readonly id: string;
  readonly title: string;
  /** In the order of the cases' ids, in hexadecimal. */
  readonly sequences: readonly (readonly [validity: 'valid' | 'invalid', hex: string])[];
}

const groups: readonly Group[] = [
  {
    id: '6.5',
    title: 'valid UTF-8',
    sequences: [
      ['valid', '68656c6c6f24776f726c64'],
      ['valid', '68656c6c6fc2a2776f726c64'],
      ['valid', '68656c6c6fe282ac776f726c64'],
      ['valid', '68656c6c6ff0a4ada2776f726c64'],
      ['valid', 'cebae1bdb9cf83cebcceb5'],
    ],
  },
  {
    id: '6.6',
    title: 'prefixes of a valid text',
    sequences: [
      ['invalid', 'ce'],
      ['valid', 'ceba'],
      ['invalid', 'cebae1'],
      ['invalid', 'cebae1bd'],
      ['valid', 'cebae1bdb9'],
      ['invalid', 'cebae1bdb9cf'],
      ['valid', 'cebae1bdb9cf83'],
      ['invalid', 'cebae1bdb9cf83ce'],
      ['valid', 'cebae1bdb9cf83cebc'],
      ['invalid', 'cebae1bdb9cf83cebcce'],
      ['valid', 'cebae1bdb9cf83cebcceb5'],
    ],
  },
  {
    id: '6.7',
    title: 'first sequence of each length',
    sequences: [
      ['valid', '00'],
      ['valid', 'c280'],
      ['valid', 'e0a080'],
      ['valid', 'f0908080'],
    ],
  },
  {
    id: '6.8',
    title: 'first sequence of 5 and 6 octets',
    sequences: [
      ['invalid', 'f888808080'],
      ['invalid', 'fc8480808080'],
    ],
  },
  {
    id: '6.9',
    title: 'last sequence of each length',
    sequences: [
      ['valid', '7f'],
      ['valid', 'dfbf'],
      ['valid', 'efbfbf'],
      ['valid', 'f48fbfbf'],
    ],
  },
  {
    id: '6.10',
    title: 'last sequence of 4, 5 and 6 octets',
    sequences: [
      ['invalid', 'f7bfbfbf'],
      ['invalid', 'fbbfbfbfbf'],
      ['invalid', 'fdbfbfbfbfbf'],
    ],
  },
  {
    id: '6.11',
    title: 'other borders',
    sequences: [
      ['valid', 'ed9fbf'],
      ['valid', 'ee8080'],
      ['valid', 'efbfbd'],
      ['valid', 'f48fbfbf'],
      ['invalid', 'f4908080'],
    ],
  },
  {
    id: '6.12',
    title: 'continuation octets alone',
    sequences: [
      ['invalid', '80'],
      ['invalid', 'bf'],
      ['invalid', '80bf'],
      ['invalid', '80bf80'],
      ['invalid', '80bf80bf'],
      ['invalid', '80bf80bf80'],
      ['invalid', '80bf80bf80bf'],
      [
        'invalid',
        '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabac' +
          'adaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe',
      ],
    ],
  },
  {
    id: '6.13',
    title: 'start octets alone',
    sequences: [
      [
        'invalid',
        'c020c120c220c320c420c520c620c720c820c920ca20cb20cc20cd20ce20cf20d020d120d220d320d420d520d6' +
          '20d720d820d920da20db20dc20dd20de20',
      ],
      ['invalid', 'e020e120e220e320e420e520e620e720e820e920ea20eb20ec20ed20ee20'],
      ['invalid', 'f020f120f220f320f420f520f620'],
      ['invalid', 'f820f920fa20'],
      ['invalid', 'fc20'],
    ],
  },
  {
    id: '6.14',
    title: 'last continuation octet missing',
    sequences: [
      ['invalid', 'c0'],
      ['invalid', 'e080'],
      ['invalid', 'f08080'],
      ['invalid', 'f8808080'],
      ['invalid', 'fc80808080'],
      ['invalid', 'df'],
      ['invalid', 'efbf'],
      ['invalid', 'f7bfbf'],
      ['invalid', 'fbbfbfbf'],
      ['invalid', 'fdbfbfbfbf'],
    ],
  },
  {
    id: '6.15',
    title: 'incomplete sequences in a row',
    sequences: [
      ['invalid', 'c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf'],
    ],
  },
  {
    id: '6.16',
    title: 'impossible octets',
    sequences: [
      ['invalid', 'fe'],
      ['invalid', 'ff'],
      ['invalid', 'fefeffff'],
    ],
  },
  {
    id: '6.17',
    title: 'overlong slash',
    sequences: [
      ['invalid', 'c0af'],
      ['invalid', 'e080af'],
      ['invalid', 'f08080af'],
      ['invalid', 'f8808080af'],
      ['invalid', 'fc80808080af'],
    ],
  },
  {
    id: '6.18',
    title: 'longest overlong sequences',
    sequences: [
      ['invalid', 'c1bf'],
      ['invalid', 'e09fbf'],
      ['invalid', 'f08fbfbf'],
      ['invalid', 'f887bfbfbf'],
      ['invalid', 'fc83bfbfbfbf'],
    ],
  },
  {
    id: '6.19',
    title: 'overlong NUL',
    sequences: [
      ['invalid', 'c080'],
      ['invalid', 'e08080'],
      ['invalid', 'f0808080'],
      ['invalid', 'f880808080'],
      ['invalid', 'fc8080808080'],
    ],
  },
  {
    id: '6.20',
    title: 'UTF-16 surrogates alone',
    sequences: [
      ['invalid', 'eda080'],
      ['invalid', 'edadbf'],
      ['invalid', 'edae80'],
      ['invalid', 'edafbf'],
      ['invalid', 'edb080'],
      ['invalid', 'edbe80'],
      ['invalid', 'edbfbf'],
    ],
  },
  {
    id: '6.21',
    title: 'UTF-16 surrogates in pairs',
    sequences: [
      ['invalid', 'eda080edb080'],
      ['invalid', 'eda080edbfbf'],
      ['invalid', 'edadbfedb080'],
      ['invalid', 'edadbfedbfbf'],
      ['invalid', 'edae80edb080'],
      ['invalid', 'edae80edbfbf'],
      ['invalid', 'edafbfedb080'],
      ['invalid', 'edafbfedbfbf'],
    ],
  },
  {
    id: '6.22',
    title: 'noncharacters',
    sequences: [
      ['valid', 'efbfbe'],
      ['valid', 'efbfbf'],
      ['valid', 'f09fbfbe'],
      ['valid', 'f09fbfbf'],
      ['valid', 'f0afbfbe'],
      ['valid', 'f0afbfbf'],
      ['valid', 'f0bfbfbe'],
      ['valid', 'f0bfbfbf'],
      ['valid', 'f18fbfbe'],
      ['valid', 'f18fbfbf'],
      ['valid', 'f19fbfbe'],
      ['valid', 'f19fbfbf'],
      ['valid', 'f1afbfbe'],
      ['valid', 'f1afbfbf'],
      ['valid', 'f1bfbfbe'],
      ['valid', 'f1bfbfbf'],
      ['valid', 'f28fbfbe'],
      ['valid', 'f28fbfbf'],
      ['valid', 'f29fbfbe'],
      ['valid', 'f29fbfbf'],
      ['valid', 'f2afbfbe'],
      ['valid', 'f2afbfbf'],
      ['valid', 'f2bfbfbe'],
      ['valid', 'f2bfbfbf'],
      ['valid', 'f38fbfbe'],
      ['valid', 'f38fbfbf'],
      ['valid', 'f39fbfbe'],
      ['valid', 'f39fbfbf'],
      ['valid', 'f3afbfbe'],
      ['valid', 'f3afbfbf'],
      ['valid', 'f3bfbfbe'],
      ['valid', 'f3bfbfbf'],
      ['valid', 'f48fbfbe'],
      ['valid', 'f48fbfbf'],
    ],
  },
  {
    id: '6.23',
    title: 'specials around the replacement character',
    sequences: [
      ['valid', 'efbfb9'],
      ['valid', 'efbfba'],
      ['valid', 'efbfbb'],
      ['valid', 'efbfbc'],
      ['valid', 'efbfbd'],
      ['valid', 'efbfbe'],
      ['valid', 'efbfbf'],
    ],
  },
];

export const utf8Sequences: readonly ConformanceCase[] = groups.flatMap(({ id, title, sequences }) =>
  sequences.map(([validity, hex], i) => {
    const message = text(Buffer.from(hex, 'hex'));
    const caseId = `${id}.${String(i + 1)}`;
    const caseTitle = `${title}: ${validity} ${hex}`;
    return validity === 'valid'
      ? answersCase(caseId, caseTitle, atOnce(message), [message])
      : failsCase(caseId, caseTitle, 1007, atOnce(message));
  }),
);
