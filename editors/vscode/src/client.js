// The language client: starts `paired lsp`, tells who wants to know how it is.
'use strict';
const vscode = require('vscode');
const { findBinary } = require('./binary');

// Most of the package, in a file of its own that is read when it is used: the window does not wait for it while we are
// activated.
const library = () => require('./languageclient');

const START_TIMEOUT_MS = 10000;

// An undefined token would be one more parameter: the client then sends both as an array.
const withToken = (params, token) => (token ? [params, token] : [params]);

class Paired {
  constructor(context, log) {
    this.context = context;
    this.log = log;
    this.changed = new vscode.EventEmitter();
    this.client = undefined;
    this.tokens = 0; // of progress, so far
    this.file = undefined;
    this.problem = undefined; // why there is none, for people
    this.starting = Promise.resolve();
  }

  get running() {
    return this.client !== undefined && this.client.state === library().State.Running;
  }

  find() {
    const settings = vscode.workspace.getConfiguration('paired');
    const inspected = settings.inspect('path') || {};
    const trusted = vscode.workspace.isTrusted;
    const configured = (trusted ? settings.get('path') : inspected.globalValue) || '';
    return findBinary({ configured, extensionDir: this.context.extensionPath });
  }

  start() {
    this.starting = this.starting.then(() => this.#start(), () => this.#start());
    return this.starting;
  }

  async #start() {
    const settings = vscode.workspace.getConfiguration('paired');
    if (this.client || !settings.get('enable')) return;
    const found = this.find();
    this.file = found.file;
    this.problem = found.missing;
    if (!found.file) {
      this.log.warn(found.missing);
      this.changed.fire();
      return;
    }
    const more = vscode.workspace.isTrusted ? settings.get('arguments') || [] : settings.inspect('arguments')?.globalValue || [];
    const run = { command: found.file, args: ['lsp', ...more] };
    await new Promise(resolve => setImmediate(resolve)); // activation is over
    const { LanguageClient, RevealOutputChannelOn } = library();
    this.client = new LanguageClient('paired', 'paired', { run, debug: run }, {
      documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }],
      outputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      synchronize: { configurationSection: 'paired' },
    });
    this.client.onDidChangeState(() => this.changed.fire());
    try {
      await this.client.start();
      this.problem = undefined;
    } catch (e) {
      this.problem = String(e?.message || e);
      this.log.error(`paired lsp did not start: ${this.problem}`);
      this.client = undefined;
    }
    this.changed.fire();
  }

  async stop() {
    const client = this.client;
    this.client = undefined;
    if (client) await client.stop(2000).catch(e => this.log.warn(`stopping: ${e.message}`));
    this.changed.fire();
  }

  async restart() {
    await this.starting.catch(() => {});
    await this.stop();
    await this.start();
  }

  // Waits for a start under way; rejects with a sentence for people.
  async ready() {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('paired is still starting; try again')), START_TIMEOUT_MS);
    });
    await Promise.race([this.starting, late]).finally(() => clearTimeout(timer));
    if (!this.running) throw new Error(this.problem ? `paired does not run: ${this.problem}` : 'paired does not run');
    return this.client;
  }

  async execute(command, argument, token) {
    const client = await this.ready();
    const params = { command, arguments: argument === undefined ? [] : [argument] };
    return client.sendRequest('workspace/executeCommand', ...withToken(params, token));
  }

  // The same, and `hear` gets what is said as it comes: progress for people, pieces of the answer.
  async executeHearing(command, argument, token, hear) {
    const client = await this.ready();
    const [partialResultToken, workDoneToken] = ['part', 'work'].map(kind => `paired-${kind}-${++this.tokens}`);
    const listeners = [
      client.onProgress(new (library().ProgressType)(), partialResultToken, value => hear({ text: value.text })),
      client.onProgress(new (library().ProgressType)(), workDoneToken, value => hear({ message: value.kind === 'report' ? value.message : undefined })),
    ];
    try {
      const params = { command, arguments: [argument], partialResultToken, workDoneToken };
      return await client.sendRequest('workspace/executeCommand', ...withToken(params, token));
    } finally {
      for (const listener of listeners) listener.dispose();
    }
  }

  dispose() {
    this.changed.dispose();
    return this.stop();
  }
}

module.exports = { Paired };
