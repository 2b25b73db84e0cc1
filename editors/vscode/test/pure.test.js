'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { findBinary } = require('../src/binary');
const { agents, agentOf, questionFor, linkPlaces, escapeMarkdown } = require('../src/agents');
const { render } = require('../src/render');
const { describe } = require('../src/figures');
const { Rhythm, beat, batch, BATCH_MAX } = require('../src/rhythm');
const { modelInformation, requestFor } = require('../src/models');
const manifest = require('../package.json');

function world(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'paired-ext-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return {
    dir,
    program: (...parts) => {
      const file = path.join(dir, ...parts);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, '#!/bin/sh\n', { mode: 0o755 });
      return file;
    },
  };
}

test('the configured program wins, even when it is not there', t => {
  const w = world(t);
  const mine = w.program('mine', 'paired');
  const onPath = w.program('bin', 'paired');
  const rest = { extensionDir: w.dir, env: { PATH: path.dirname(onPath) }, home: w.dir };
  assert.deepStrictEqual(findBinary({ ...rest, configured: mine }), { file: mine });
  assert.deepStrictEqual(findBinary({ ...rest, configured: '~/mine/paired' }), { file: mine });
  assert.match(findBinary({ ...rest, configured: path.join(w.dir, 'no') }).missing, /is not a program/);
  assert.match(findBinary({ ...rest, configured: 'paired' }).missing, /absolute/);
});

test('the bundled one, PATH, the home: in this order', t => {
  const w = world(t);
  const rest = { extensionDir: path.join(w.dir, 'ext'), env: { PATH: `relative:${path.join(w.dir, 'a')}` }, home: w.dir };
  const local = w.program('.local', 'bin', 'paired');
  assert.deepStrictEqual(findBinary(rest), { file: local });
  const onPath = w.program('a', 'paired');
  assert.deepStrictEqual(findBinary(rest), { file: onPath });
  const bundled = w.program('ext', 'bin', 'paired');
  assert.deepStrictEqual(findBinary(rest), { file: bundled });
  fs.chmodSync(bundled, 0o644);
  assert.deepStrictEqual(findBinary(rest), { file: onPath });
  fs.rmSync(bundled);
  fs.mkdirSync(bundled); // a folder of that name is no program
  assert.deepStrictEqual(findBinary(rest), { file: onPath });
});

test('seven agents, each with a chat command of the manifest', () => {
  const commands = manifest.contributes.chatParticipants[0].commands.map(c => c.name);
  assert.deepStrictEqual(agents.map(a => a.command), commands);
  for (const command of commands) assert.ok(questionFor(agentOf(command), ' ').length > 3);
  assert.strictEqual(agentOf('nobody'), undefined);
  assert.strictEqual(questionFor(agentOf('qa'), ' why? '), 'why?');
});

test('every setting is documented, every command has a handler', () => {
  const readme = fs.readFileSync(path.join(__dirname, '..', 'README.md'), 'utf8');
  for (const name of Object.keys(manifest.contributes.configuration.properties)) {
    const last = name.slice(name.lastIndexOf('.'));
    assert.ok(readme.includes(`\`${name}\``) || readme.includes(`\`${last}\``), name);
  }
  const source = fs.readFileSync(path.join(__dirname, '..', 'src', 'commands.js'), 'utf8');
  for (const { command } of manifest.contributes.commands) assert.match(source, new RegExp(`\\b${command.slice('paired.'.length)}\\b`));
});

test('places become links, other things do not', () => {
  const link = text => linkPlaces(text, (file, line) => `x:${file}#${line}`);
  assert.strictEqual(link('src/a.c:12 is wrong'), '[src/a.c:12](x:src/a.c#12) is wrong');
  assert.strictEqual(link('a.c:12-19 function f'), '[a.c:12-19](x:a.c#12) function f');
  assert.strictEqual(link('(see a.py:3)'), '(see [a.py:3](x:a.py#3))');
  for (const text of ['http://a.b/c.d:80/x', '../up.c:3', '/etc/passwd.x:1', 'a.c:', '12:30', 'a.c:12:5']) assert.strictEqual(link(text), text);
});

test('what a repository is called does not act as markdown', () => {
  const evil = '[click](command:evil) <img src=x> `x` **b** ![i](http://x/y.png) src/a.c:1';
  const out = render(evil, () => 'file:///a.c#L1');
  assert.ok(!/(^|[^\\])\[click\]/.test(out) && !/(^|[^\\])</.test(out) && !/(^|[^\\])!/.test(out), out);
  assert.ok(out.includes('](file:///a.c#L1)'));
  assert.strictEqual(escapeMarkdown('a_b'), 'a\\_b');
  const fenced = render('  ```\n  code', () => undefined);
  assert.ok(fenced.startsWith('````text\n'), fenced);
  assert.strictEqual(render('[sherlock.review_tree {}]', () => undefined), '\n**Sherlock**: review\\_tree\n\n');
  assert.strictEqual(render('## Title\nx', () => undefined), '\n**Title**\n\nx  \n');
});

test('a command stays code, and how an answer came about is said once, apart from it', () => {
  const text = 'x\nAnswered without a model: `paired backends add` names *one*.\n';
  assert.strictEqual(render(text, () => undefined), 'x  \n\n_Answered without a model: `paired backends add` names \\*one\\*._\n\n');
  assert.strictEqual(render(text, () => undefined, { again: true }), 'x  \n\n');
});

test('clients to register with: those installed first, none without a file, trouble said', () => {
  const { assistantItems, diffOf } = require('../src/plans');
  const items = assistantItems([
    { client: 'zed', title: 'Zed', installed: false, state: 'absent', files: [{ file: '/z' }] },
    { client: 'cursor', title: 'Cursor', installed: true, state: 'registered', files: [{ file: '/c' }, { file: '/d' }] },
    { client: 'codex', title: 'Codex', installed: true, state: 'unreadable', problem: 'line 1', files: [{ file: '/x' }] },
    { client: 'json', title: 'any other', installed: false, files: [] }]);
  assert.deepStrictEqual(items.map(i => i.name), ['cursor', 'codex', 'zed']);
  assert.deepStrictEqual(items.map(i => i.description), ['registered', 'cannot be changed', '']);
  assert.deepStrictEqual(items.map(i => i.detail), ['/c, /d', 'line 1', '/z']);
  assert.strictEqual(diffOf({ changes: [{ diff: 'a\n' }, { diff: 'b\n' }] }), 'a\n\nb\n');
});

test('the status says what there is, and nothing of what is not known', () => {
  assert.deepStrictEqual(describe(undefined), []);
  assert.deepStrictEqual(describe({ engine: { version: '0.1', pid: 7 }, index: { files: 1, symbols: 12345, busy: true }, findings: 1, quiet: { on: true, held: 2 } }),
    ['engine 0.1, process 7', 'index: 1 file, 12,345 symbols, still reading', '1 finding in open files', 'quiet while typing: 2 things held']);
  const met = federation => describe({ engine: { version: '0.1', pid: 7, federation } }).slice(1);
  assert.deepStrictEqual(met({ state: 'off', connected: 0 }), []);
  assert.deepStrictEqual(met({ state: 'running', connected: 1 }), ['1 friend connected']);
  assert.deepStrictEqual(met({ state: 'locked' }), ['federation locked']);
  assert.deepStrictEqual(describe({ quiet: { on: false, held: 0 } }), ['quiet while typing: off']);
});

test('edits are told as ages and sizes, without their text', () => {
  const typed = beat({ contentChanges: [{ text: 'secret', rangeLength: 2 }, { text: '', rangeLength: 3 }] }, 100);
  assert.deepStrictEqual(typed, { at: 100, inserted: 6, removed: 5 });
  assert.strictEqual(beat({ contentChanges: [], reason: 1 }, 5).reason, 'undo');
  const { edits } = batch([{ at: 0, inserted: 1, removed: 0 }, typed], 150);
  assert.deepStrictEqual(edits, [{ ago: 150, inserted: 1, removed: 0 }, { ago: 50, inserted: 6, removed: 5 }]);
  assert.strictEqual(batch(Array(2 * BATCH_MAX).fill({ at: 1 }), 2).edits.length, BATCH_MAX);
  assert.deepStrictEqual(batch([{ at: 0 }], 1e9).edits, []);
});

test('nothing is told to a server that does not listen, or when it is switched off', t => {
  const sent = [];
  let listener, wanted = true, now = 0;
  const workspace = { onDidChangeTextDocument: f => ((listener = f), { dispose() {} }) };
  const paired = { running: true, client: { initializeResult: { capabilities: {} }, sendNotification: (m, p) => void sent.push([m, p]) } };
  const rhythm = new Rhythm(paired, workspace, () => wanted, () => now);
  t.after(() => rhythm.dispose());
  const edit = (scheme = 'file') => listener({ document: { uri: { scheme } }, contentChanges: [{ text: 'x', rangeLength: 0 }] });
  edit();
  rhythm.send();
  paired.client.initializeResult.capabilities.experimental = { rhythm: true };
  wanted = false;
  edit();
  wanted = true;
  edit('output');
  rhythm.send();
  assert.deepStrictEqual(sent, []);
  edit();
  now = 40;
  edit();
  rhythm.send();
  assert.deepStrictEqual(sent, [['paired/rhythm', { edits: [{ ago: 40, inserted: 1, removed: 0 }, { ago: 0, inserted: 1, removed: 0 }] }]]);
});

test('models of the router: what the editor is told, and what is asked', () => {
  const [known, other] = modelInformation([{ backend: 'b0', model: 'm', local: true, context: 20000 }, { backend: 'c', model: 'x/y', local: false }]);
  assert.deepStrictEqual([known.id, known.maxInputTokens, known.detail], ['b0/m', 12000, 'local']);
  assert.ok(other.maxInputTokens > 0 && other.capabilities.toolCalling);
  assert.deepStrictEqual(modelInformation(undefined), []);
  class Text { constructor(value) { this.value = value; } }
  class Call { constructor(callId, name, input) { Object.assign(this, { callId, name, input }); } }
  class Result { constructor(callId, content) { Object.assign(this, { callId, content }); } }
  const kinds = { text: Text, call: Call, result: Result };
  const request = requestFor(other, [
    { role: 3, content: [new Text('be brief')] }, { role: 1, content: [new Text('hello'), { data: new Uint8Array(1) }] },
    { role: 2, content: [new Text('looking'), new Call('a:1', 'find', { q: 1 })] }, { role: 1, content: [new Result('a:1', [new Text('here')])] },
    { role: 1, content: [{ image: true }] },
  ], { tools: [{ name: 'find', description: 'finds', inputSchema: undefined }] }, kinds, 2);
  assert.deepStrictEqual(request, {
    model: 'x/y', tools: [{ name: 'find', description: 'finds', input_schema: { type: 'object', properties: {} } }],
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'be brief' }, { type: 'text', text: 'hello' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'looking' }, { type: 'tool_use', id: 'a_1', name: 'find', input: { q: 1 } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a_1', content: 'here' }] },
    ], max_tokens: 8000 });
});
