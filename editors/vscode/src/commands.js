// What the palette offers. Answers open as read-only pages, which `paired lsp` serves under the scheme "paired".
'use strict';
const vscode = require('vscode');
const { agents } = require('./agents');
const { ask } = require('./chat');

// Runs a command of the server; it opens the answer as a page by itself.
async function show(paired, command, argument) {
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: `paired: ${argument.capability || 'asking'}` },
    (_progress, token) => paired.execute(command, { ...argument, show: true }, token));
}

const run = (paired, capability) => show(paired, 'paired.run', { capability });

async function askAgent(paired) {
  const picked = await vscode.window.showQuickPick(
    [{ label: 'Whoever knows', agent: undefined }, ...agents.map(a => ({ label: a.title, description: a.work, agent: a }))],
    { title: 'Ask an agent', placeHolder: 'Which one?' });
  if (!picked) return;
  const prompt = await vscode.window.showInputBox({ title: `Ask ${picked.label}`, prompt: 'Empty: what it is asked for most' });
  if (prompt === undefined) return;
  await ask(paired, picked.agent, prompt, undefined, { show: true });
}

async function everything(paired) {
  const { capabilities } = await paired.execute('paired.capabilities');
  const picked = await vscode.window.showQuickPick(
    capabilities.map(c => ({ label: c.name, description: c.agent, detail: c.title, capability: c.name })),
    { title: 'Run a capability', matchOnDescription: true, matchOnDetail: true });
  if (picked) await run(paired, picked.capability);
}

async function toggleQuiet() {
  const settings = vscode.workspace.getConfiguration('paired');
  const on = !settings.get('quiet.enable');
  await settings.update('quiet.enable', on, vscode.ConfigurationTarget.Global);
  void vscode.window.setStatusBarMessage(`paired: quiet while typing is ${on ? 'on' : 'off'}`, 3000);
}

async function debugInformation(paired) {
  const status = await paired.execute('paired.status').catch(e => ({ error: e.message }));
  const info = {
    editor: `${vscode.env.appName} ${vscode.version}`, remote: vscode.env.remoteName || 'none',
    extension: paired.context.extension.packageJSON.version, program: paired.file ? 'found' : paired.problem,
    server: paired.client?.initializeResult?.serverInfo, status,
  };
  await vscode.env.clipboard.writeText(JSON.stringify(info, undefined, 2));
  void vscode.window.setStatusBarMessage('paired: debug information is in the clipboard', 3000);
}

function registerCommands(paired, context, log, registerAssistants) {
  const table = {
    askAgent: () => askAgent(paired),
    everything: () => everything(paired),
    reviewChanges: () => run(paired, 'review'),
    whatWasIDoing: () => show(paired, 'paired.resume', {}),
    toggleQuiet,
    registerAssistants: () => registerAssistants(paired),
    restart: () => paired.restart(),
    showLogs: () => log.show(true),
    debugInformation: () => debugInformation(paired),
  };
  for (const [name, action] of Object.entries(table)) {
    context.subscriptions.push(vscode.commands.registerCommand(`paired.${name}`, async () => {
      try {
        await action();
      } catch (e) {
        log.error(`${name}: ${e.message}`);
        void vscode.window.showErrorMessage(`paired: ${e.message}`);
      }
    }));
  }
}

module.exports = { registerCommands };
