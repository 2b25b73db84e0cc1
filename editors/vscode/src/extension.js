'use strict';
const vscode = require('vscode');
const { Paired } = require('./client');
const { Status } = require('./status');
const { Rhythm } = require('./rhythm');
const { registerChat } = require('./chat');
const { registerMcp } = require('./mcp');
const { registerCommands } = require('./commands');
const { registerAssistants } = require('./assistants');

// Settings whose change needs another process; all others are told to the running one.
const needRestart = ['paired.enable', 'paired.path', 'paired.arguments'];

async function offerHelp(paired) {
  if (paired.file || !vscode.workspace.getConfiguration('paired').get('enable')) return;
  const choose = 'Choose the program…';
  const picked = await vscode.window.showWarningMessage(`paired: ${paired.problem}.`, choose, 'Not now');
  if (picked !== choose) return;
  const files = await vscode.window.showOpenDialog({ canSelectMany: false, title: 'Where is the program paired?' });
  if (files?.length) await vscode.workspace.getConfiguration('paired').update('path', files[0].fsPath, vscode.ConfigurationTarget.Global);
}

function activate(context) {
  const log = vscode.window.createOutputChannel('paired', { log: true });
  const paired = new Paired(context, log);
  context.subscriptions.push(log, paired);
  registerChat(paired, context);
  registerMcp(paired, context);
  registerCommands(paired, context, log, registerAssistants);
  context.subscriptions.push(
    new Status(paired),
    new Rhythm(paired, vscode.workspace, () => vscode.workspace.getConfiguration('paired').get('rhythm.enable')),
    vscode.workspace.onDidChangeConfiguration(e => needRestart.some(name => e.affectsConfiguration(name)) && paired.restart()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => paired.restart()),
  );
  void paired.start().then(() => offerHelp(paired)); // not awaited: activation costs the window nothing
}

module.exports = { activate, deactivate() {} };
