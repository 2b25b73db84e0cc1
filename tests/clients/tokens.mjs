// node tokens.mjs COUNTER NODE_MODULES REPOSITORY [SEED] [ROUNDS]: the counter (count_tokens.c) against js-tiktoken, on
// the files of the repository and on generated text in many scripts, with broken UTF-8, long runs and odd borders.
// Two characters are left out on purpose: U+0085 is white space in Unicode and in tiktoken but not in JavaScript's \s,
// U+FEFF the other way round.
import {execFileSync, spawnSync} from 'node:child_process';
import {readFileSync, lstatSync} from 'node:fs';
import {createRequire} from 'node:module';

const [counter, modules, repository, seedText = '1', rounds = '3000'] = process.argv.slice(2);
const require = createRequire(modules + '/');
const {Tiktoken} = require('js-tiktoken/lite');
const ranks = require('js-tiktoken/ranks/o200k_base');
const reference = new Tiktoken(ranks.default ?? ranks);

let state = BigInt(seedText) * 0x9E3779B97F4A7C15n | 1n;
function random(n) { // xorshift64*
  state ^= state >> 12n; state = (state ^ state << 25n) & 0xFFFFFFFFFFFFFFFFn; state ^= state >> 27n;
  return Number((state * 0x2545F4914F6CDD1Dn >> 33n) % BigInt(n));
}
const pick = list => list[random(list.length)];
const point = (low, high) => String.fromCodePoint(low + random(high - low + 1));

const SCRIPTS = [[0x20, 0x7E], [0x20, 0x7E], [0xA0, 0x24F], [0x250, 0x36F], [0x386, 0x3FF], [0x400, 0x52F], [0x591, 0x5F4],
  [0x606, 0x6FF], [0x905, 0x939], [0x900, 0x94F], [0xE01, 0xE3A], [0x10A0, 0x10C5], [0x13A0, 0x13F4], [0x1E00, 0x1FFE],
  [0x2000, 0x206F], [0x2070, 0x218B], [0x2190, 0x27BF], [0x2C60, 0x2CEE], [0x3041, 0x3096], [0x30A1, 0x30FF],
  [0x3000, 0x303F], [0x4E00, 0x9FA5], [0xA640, 0xA69D], [0xAC00, 0xD7A3], [0xE000, 0xE010], [0xFF01, 0xFFEE],
  [0x10400, 0x1044F], [0x1D400, 0x1D454], [0x1F300, 0x1F64F], [0x1F1E6, 0x1F1FF], [0x20000, 0x2A6D6]];
const WORDS = ['return', 'the', 'HTTPServer', 'getElementById', "don't", "WE'LL", "it'S", "I'Ve", "x'rE", 'snake_case_name', 'für',
  'naïve', 'Привет', '你好世界', 'こんにちは', '안녕하세요', 'مرحبا', 'नमस्ते', 'e\u0301a\u0300', '\u0301', '\u0301AB', 'Aあ', 'ABあBC',
  'ǅenan', 'ʰABC', '👩‍👩‍👧‍👦', '🇩🇪', '👍🏽', '<|endoftext|>', '0x7fff', '1234567', '٣٤٥', '½', '://', '/*', '*/\n', '\r\n', '\n\n',
  '\t', '    ', ' \u00A0 ', '\u3000', ' \n ', '};\n', '//', ');\n\n', '\0', '\u200B', '_', '"', '\\n', '==', ' /'];

function words() {
  let text = '';
  for (let i = 1 + random(60); i > 0; i--)
    text += pick(WORDS) + pick([' ', ' ', '', '', '\n', '  ', '(', '.', "'"]);
  return Buffer.from(text);
}
function scripts() {
  let text = '';
  for (let i = 1 + random(12); i > 0; i--) {
    const [low, high] = pick(SCRIPTS);
    for (let k = random(12); k >= 0; k--) text += point(low, high);
    text += pick(['', '', ' ', '\n']);
  }
  return Buffer.from(text);
}
function bytes() {
  const b = Buffer.alloc(1 + random(200));
  const small = random(2);
  for (let i = 0; i < b.length; i++) b[i] = small ? pick([0xE6, 0x97, 0xA5, 0xF0, 0x9F, 0x98, 0x80, 0xC3, 0xA9, 0x20, 0x61, 0x0A]) : random(256);
  return b;
}
function runs() {
  const unit = pick([' ', '\n', '\t', ' \n', '\r\n', 'a', 'A', 'aA', 'Z', '7', '-', '=', '/', '*', 'ab', 'é', 'あ', '漢', '🙂', '\u0301', '_', '\u00A0', '\x80', 'ACGT']);
  const part = Buffer.from(unit.repeat(1 + random(random(20) ? 150 : 900)), unit === '\x80' ? 'latin1' : 'utf8');
  return Buffer.concat([Buffer.from(pick(['', 'x', ' ', '\n', '9'])), part, Buffer.from(pick(['', 'x', ' ', '\n', '9', "'s"]))]);
}
function letters() {
  let text = '';
  for (let i = 1 + random(random(10) ? 80 : 400); i > 0; i--) text += pick('etaoinshrdlucmfETAOINSHR');
  return Buffer.from(text);
}

const texts = [];
while (texts.length < Number(rounds)) {
  const kind = pick([words, words, scripts, scripts, bytes, runs, letters]);
  const text = kind();
  if (!/[\u0085\uFEFF]/.test(text.toString('utf8'))) texts.push([text, kind.name]);
}
const names = execFileSync('git', ['-C', repository, 'ls-files', '-z']).toString().split('\0').filter(Boolean);
for (const name of names) {
  const file = repository + '/' + name;
  if (lstatSync(file, {throwIfNoEntry: false})?.isFile()) texts.push([readFileSync(file), name]);
}

const input = [];
for (const [text] of texts) {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(text.length);
  input.push(head, text);
}
const run = spawnSync(counter, {input: Buffer.concat(input), maxBuffer: 1 << 26});
if (run.status === 77) {
  console.log('0 passed, 0 failed, 1 skipped: this build has no vocabulary');
  process.exit(77);
}
const ours = run.stdout.toString().trim().split('\n').map(Number);
let failed = run.status !== 0 || ours.length !== texts.length ? 1 : 0;
texts.forEach(([text, name], i) => {
  const theirs = reference.encode(text.toString('utf8'), [], []).length;
  if (theirs === ours[i]) return;
  if (failed++ < 10) console.log(`${name}: ${ours[i]} for ${theirs}: ${JSON.stringify(text.toString('utf8').slice(0, 300))}`);
});
console.log(`${texts.length - failed} passed, ${failed} failed`);
process.exit(failed || texts.length < 100 ? 1 : 0);
