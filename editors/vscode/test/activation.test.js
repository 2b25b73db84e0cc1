'use strict';
// The extension over a stand-in for the editor's API: what it reads of the package while the window waits for it.
const test = require('node:test');
const assert = require('node:assert');
const Module = require('module');

// Whatever is asked of it is there, can be called and made.
const anything = () => new Proxy(function () {}, {
  get: (_t, name) => (name === Symbol.toPrimitive ? () => '' : name === 'then' ? undefined : anything()),
  set: () => true,
  apply: () => anything(),
  construct: () => anything(),
});

test('activation returns before the library of the language client is read, and registers what it has', async t => {
  const wanted = [], registered = [];
  const load = Module._load;
  t.after(() => { Module._load = load; });
  const vscode = new Proxy({
    commands: { registerCommand: name => (registered.push(name), { dispose() {} }) },
    workspace: new Proxy({ isTrusted: true, getConfiguration: () => ({ get: name => name === 'enable', inspect: () => ({}) }) },
      { get: (target, name) => target[name] ?? anything() }),
  }, { get: (target, name) => target[name] ?? anything() });
  class LanguageClient {
    onDidChangeState() {}
    stop() { return Promise.resolve(); }
    start() { return new Promise(() => {}); }
  }
  const read = new Promise(resolve => {
    Module._load = function (request, ...rest) {
      if (request === 'vscode') return vscode;
      if (!request.endsWith('languageclient')) return load.call(this, request, ...rest);
      wanted.push(request);
      resolve();
      return { LanguageClient, RevealOutputChannelOn: {}, State: {} };
    };
  });
  const { activate } = require('../src/extension');
  require('../src/client').Paired.prototype.find = () => ({ file: process.execPath }); // stands for paired, which is not started
  const subscriptions = [];
  const result = activate({ subscriptions, extensionPath: '/nowhere', extension: { packageJSON: { version: '0' } } });
  assert.strictEqual(result, undefined, 'nobody waits for it');
  await Promise.resolve();
  assert.deepStrictEqual(wanted, [], 'not while the window waits');
  assert.ok(registered.includes('paired.askAgent') && subscriptions.length > 10);
  await read;
  assert.deepStrictEqual(wanted, ['./languageclient']);
  for (const one of subscriptions) await one?.dispose?.();
});
