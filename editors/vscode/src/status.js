// One item in the status bar, one in the language status: is paired there, what does it hold back, how is the index.
'use strict';
const vscode = require('vscode');

const EVERY_MS = 30000;

function describe(status) {
  const lines = [];
  if (status?.engine) lines.push(`engine ${status.engine.version || ''}, process ${status.engine.pid || '?'}`);
  if (status?.index) lines.push(`index: ${status.index.files ?? '?'} files${status.index.busy ? ', reading' : ''}`);
  if (status?.findings !== undefined) lines.push(`${status.findings} findings in open files`);
  if (status?.quiet) lines.push(status.quiet.off ? 'quiet while typing is off' : `quiet while typing: ${status.quiet.waiting || 0} held`);
  if (status?.peers !== undefined) lines.push(`${status.peers} peers`);
  return lines;
}

class Status {
  constructor(paired) {
    this.paired = paired;
    this.bar = vscode.window.createStatusBarItem('paired.status', vscode.StatusBarAlignment.Right, 90);
    this.bar.name = 'paired';
    this.bar.command = 'paired.everything';
    this.language = vscode.languages.createLanguageStatusItem('paired.language', [{ scheme: 'file' }, { scheme: 'untitled' }]);
    this.language.name = 'paired';
    this.subscriptions = [
      paired.changed.event(() => this.update()),
      vscode.window.onDidChangeWindowState(s => s.focused && this.update()),
      vscode.languages.onDidChangeDiagnostics(() => this.soon()),
    ];
    this.timer = setInterval(() => vscode.window.state.focused && this.update(), EVERY_MS);
    this.update();
    this.bar.show();
  }

  soon() {
    clearTimeout(this.pending);
    this.pending = setTimeout(() => this.update(), 500);
  }

  async update() {
    const { paired } = this;
    let status;
    if (paired.running) status = await paired.execute('paired.status').catch(() => undefined);
    const held = status?.quiet?.waiting || 0;
    if (paired.running) this.bar.text = held ? `$(circle-outline) paired ${held}` : '$(circle-filled) paired';
    else this.bar.text = paired.problem ? '$(warning) paired' : '$(loading~spin) paired';
    const lines = paired.running ? describe(status) : [paired.problem || 'starting'];
    this.bar.tooltip = ['paired', ...lines].join('\n');
    this.language.text = paired.running ? 'paired is here' : `paired: ${lines[0]}`;
    this.language.detail = lines.join(', ');
    this.language.severity = paired.problem && !paired.running ? vscode.LanguageStatusSeverity.Warning : vscode.LanguageStatusSeverity.Information;
    this.language.command = { command: 'paired.showLogs', title: 'Show log' };
  }

  dispose() {
    clearInterval(this.timer);
    clearTimeout(this.pending);
    this.subscriptions.forEach(s => s.dispose());
    this.bar.dispose();
    this.language.dispose();
  }
}

module.exports = { Status, describe };
