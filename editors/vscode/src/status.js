// One item in the status bar, one in the language status: is paired there, which engine answers, what it holds back.
'use strict';
const vscode = require('vscode');
const { describe } = require('./figures');

const EVERY_MS = 30000;

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
    ];
    this.timer = setInterval(() => vscode.window.state.focused && this.update(), EVERY_MS);
    this.update();
    this.bar.show();
  }

  async update() {
    const { paired } = this;
    let status;
    if (paired.running) status = await paired.execute('paired.status').catch(() => undefined);
    if (paired.running) this.bar.text = '$(circle-filled) paired';
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
    this.subscriptions.forEach(s => s.dispose());
    this.bar.dispose();
    this.language.dispose();
  }
}

module.exports = { Status };
